//! A connection into which HTTP/2 frames of our own can be put, beside those of hyper.
//!
//! hyper's server cannot raise its limit of streams later, nor say why it goes away; Apple does both. So this sits between TLS and hyper, knows
//! where frames end, adds ours there, and keeps from hyper the acknowledgements of settings that it never sent.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEADER: usize = 9;
const PREFACE: usize = 24;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

/// Puts frames into one connection.
#[derive(Clone, Default)]
pub(super) struct Splice(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    frames: VecDeque<Vec<u8>>,
    end: Option<End>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// After what is to be written.
    Close,
    /// At once.
    Cut,
}

impl Splice {
    /// Says how many streams the client may have open (RFC 9113, 6.5.2).
    pub(super) fn max_streams(&self, streams: u32) {
        let payload = [&[0, 3][..], &streams.to_be_bytes()].concat();
        self.push(frame(SETTINGS, &payload), None);
    }

    /// Goes away with a reason, having processed no stream that is open (RFC 9113, 6.8).
    pub(super) fn go_away(&self, reason: &str) {
        let data = serde_json::json!({"reason": reason}).to_string();
        self.push(frame(GOAWAY, &[&[0; 8], data.as_bytes()].concat()), Some(End::Close));
    }

    /// Breaks the connection off.
    pub(super) fn cut(&self) {
        self.push(Vec::new(), Some(End::Cut));
    }

    fn push(&self, frame: Vec<u8>, end: Option<End>) {
        let mut shared = self.0.lock();
        shared.frames.push_back(frame);
        shared.end = end.or(shared.end);
        if let Some(waker) = shared.waker.take() {
            waker.wake();
        }
    }
}

/// All on stream 0.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
}

/// The connection.
pub(super) struct Spliced<S> {
    inner: S,
    splice: Splice,
    out: Out,
    read: In,
}

/// What is to be written, and how much of hyper's current frame is still to come.
#[derive(Default)]
struct Out {
    buffer: VecDeque<u8>,
    head: Vec<u8>,
    left: usize,
    frames: usize,
}

/// What was read: not yet looked at, and ready for hyper.
#[derive(Default)]
struct In {
    raw: Vec<u8>,
    ready: VecDeque<u8>,
    preface: usize,
    acknowledged: bool,
    ended: bool,
}

impl Out {
    /// Between two frames, and after the first, which must be hyper's settings.
    fn between(&self) -> bool {
        self.head.is_empty() && self.left == 0 && self.frames > 0
    }

    /// Takes what hyper writes, and puts ours where a frame ends.
    fn take(&mut self, bytes: &[u8], ours: &mut VecDeque<Vec<u8>>) {
        for &byte in bytes {
            self.buffer.push_back(byte);
            if self.left > 0 {
                self.left -= 1;
            } else {
                self.head.push(byte);
                if self.head.len() == HEADER {
                    self.left = length(&self.head);
                    self.head.clear();
                    self.frames += 1;
                }
            }
            self.insert(ours);
        }
    }

    fn insert(&mut self, ours: &mut VecDeque<Vec<u8>>) {
        if self.between() {
            self.buffer.extend(ours.drain(..).flatten());
        }
    }
}

impl In {
    /// Hands whole frames on, all but acknowledgements of what hyper did not send: all after the first.
    fn sort(&mut self) {
        let preface = (PREFACE - self.preface).min(self.raw.len());
        self.ready.extend(self.raw.drain(..preface));
        self.preface += preface;
        while self.raw.len() >= HEADER && self.raw.len() >= HEADER + length(&self.raw) {
            let frame: Vec<u8> = self.raw.drain(..HEADER + length(&self.raw)).collect();
            let acknowledges = frame[3] == SETTINGS && frame[4] & ACK != 0;
            if !(acknowledges && self.acknowledged) {
                self.ready.extend(&frame);
            }
            self.acknowledged |= acknowledges;
        }
    }
}

fn length(head: &[u8]) -> usize {
    head[..3].iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Spliced<S> {
    pub(super) fn new(inner: S, splice: Splice) -> Self {
        Self { inner, splice, out: Out::default(), read: In::default() }
    }

    /// Writes out what there is.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.buffer.is_empty() {
            let written = {
                let (front, _) = self.out.buffer.as_slices();
                std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, front))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.buffer.drain(..written);
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Takes in frames of ours that came since; tells whether the connection is to end now.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<End>>> {
        let mut shared = self.splice.0.lock();
        shared.waker = Some(cx.waker().clone());
        self.out.insert(&mut shared.frames);
        let end = shared.end.filter(|end| *end == End::Cut || shared.frames.is_empty());
        drop(shared);
        if end == Some(End::Cut) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        match self.drain(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(end)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Spliced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(Some(End::Close)) = this.look(cx)? {
            return Poll::Ready(Ok(()));
        }
        loop {
            if !this.read.ready.is_empty() {
                let count = buf.remaining().min(this.read.ready.len());
                let bytes: Vec<u8> = this.read.ready.drain(..count).collect();
                buf.put_slice(&bytes);
                return Poll::Ready(Ok(()));
            }
            if this.read.ended {
                return Poll::Ready(Ok(()));
            }
            let mut space = [0; 8192];
            let mut chunk = ReadBuf::new(&mut space);
            std::task::ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            this.read.ended = chunk.filled().is_empty();
            this.read.raw.extend_from_slice(chunk.filled());
            this.read.sort();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Spliced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        std::task::ready!(this.drain(cx))?;
        this.out.take(bytes, &mut this.splice.0.lock().frames);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().drain(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        std::task::ready!(this.drain(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_go_between_two_frames_and_never_first() {
        let mut out = Out::default();
        let mut ours = VecDeque::from([frame(GOAWAY, &[9; 8])]);
        let theirs = frame(SETTINGS, &[0, 3, 0, 0, 0, 1]);
        out.insert(&mut ours);
        assert!(out.buffer.is_empty());
        out.take(&theirs[..5], &mut ours);
        assert_eq!(ours.len(), 1);
        out.take(&[&theirs[5..], &theirs].concat(), &mut ours);
        let expected = [theirs.clone(), frame(GOAWAY, &[9; 8]), theirs].concat();
        assert_eq!(Vec::from(out.buffer), expected);
    }

    #[test]
    fn acknowledgements_after_the_first_are_kept_back() {
        let mut ack = frame(SETTINGS, &[]);
        ack[4] = ACK;
        let other = frame(6, &[0; 8]);
        let mut read = In::default();
        for byte in [vec![7; PREFACE], ack.clone(), other.clone(), ack.clone(), ack.clone(), other.clone()].concat() {
            read.raw.push(byte);
            read.sort();
        }
        assert_eq!(Vec::from(read.ready), [vec![7; PREFACE], ack, other.clone(), other].concat());
    }
}
