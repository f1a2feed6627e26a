//! Runs the program of a stage: passes its output on line by line, counts test results, and
//! ends it when it hangs.
//!
//! The time limit holds only where nobody watches (`CI`): there the program gets a process
//! group of its own, so that what it started ends with it. At a terminal it stays in ours,
//! because Ctrl-C must reach it.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::said::Said;
use crate::program;

/// What was seen of a program that is over.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) ignored: u64,
    /// Why it counts as failed, if it does.
    pub(super) failure: Option<String>,
    /// What it said about its failures, for the end of the report.
    pub(super) said: Said,
}

/// A program that takes this many times its budget hangs.
const PATIENCE: u32 = 2;

/// Runs `command` to its end, or to the end of patience.
pub(super) fn run(command: &mut Command, budget: Duration) -> Result<Seen> {
    let limit = program::in_ci().then_some(budget * PATIENCE);
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    run_within(command, limit)
}

fn run_within(command: &mut Command, limit: Option<Duration>) -> Result<Seen> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if limit.is_some() {
        command.process_group(0);
    }
    let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (sender, lines) = mpsc::channel();
    for pipe in [child.stdout.take().map(boxed), child.stderr.take().map(boxed)] {
        let Some(pipe) = pipe else { continue };
        let sender = sender.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    drop(sender);
    let mut seen = Seen::default();
    let deadline = limit.map(|limit| Instant::now() + limit);
    let status = loop {
        match next(&lines, deadline) {
            Ok(line) => {
                pass_on(&line);
                let line = String::from_utf8_lossy(&line);
                seen.count(&line);
                seen.said.line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break child.wait()?,
            Err(RecvTimeoutError::Timeout) => {
                end_group(&mut child)?;
                seen.failure = Some(format!("ended after {} s, twice its budget", limit.unwrap_or_default().as_secs()));
                return Ok(seen);
            }
        }
    };
    if !status.success() {
        seen.failure = Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => status.to_string(),
        });
    }
    Ok(seen)
}

impl Seen {
    /// Adds up lines like `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    fn count(&mut self, line: &str) {
        let Some((_, results)) = line.split_once("test result: ") else {
            return;
        };
        for part in results.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(word)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(count) = count.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

fn boxed(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

fn next(lines: &Receiver<Vec<u8>>, deadline: Option<Instant>) -> Result<Vec<u8>, RecvTimeoutError> {
    match deadline {
        Some(deadline) => lines.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

fn pass_on(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    // Nobody reads on; the verdict still counts.
    let _ = out.write_all(line);
    let _ = out.write_all(b"\n");
}

fn end_group(child: &mut Child) -> Result<()> {
    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status().context("cannot start kill")?;
    child.wait()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Seen, run_within};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    // Not through a program: what a stage prints is counted, and this runs inside one.
    #[test]
    fn results_are_added_up() {
        let mut seen = Seen::default();
        let line = "test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out";
        for line in [line, "5 passed", "\u{1b}[0mtest result: FAILED. 1 passed; 0 failed"] {
            seen.count(line);
        }
        assert_eq!((seen.passed, seen.failed, seen.ignored), (13, 1, 2));
    }

    #[test]
    fn failures_are_told_apart() {
        let seen = run_within(&mut shell("exit 7"), None).unwrap();
        assert_eq!(seen.failure.as_deref(), Some("exit status 7"));
        let seen = run_within(&mut shell("kill -9 $$"), None).unwrap();
        assert_eq!(seen.failure.as_deref(), Some("ended by signal 9"));
        assert!(run_within(&mut Command::new("no-such-program-here"), None).is_err());
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_what_it_started() {
        let limit = Some(Duration::from_millis(200));
        let seen = run_within(&mut shell("sleep 600 & sleep 600"), limit).unwrap();
        let failure = seen.failure.unwrap();
        assert!(failure.contains("twice its budget"), "{failure}");
    }
}
