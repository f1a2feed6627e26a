//! The duty to answer one publish, with what is needed to say the answer as an event too.

use std::borrow::Cow;
use std::sync::Arc;

use longwave_envelope::{Event, encode_event};
use longwave_model::{ConversationId, MessageId, Refusal, UserId};
use longwave_persistence::Stored;
use longwave_port::{Answer, Completion, Notice};
use longwave_topics::{Encoding, conversation_topic};

use crate::budget::Charge;
use crate::stats::BridgeStats;

/// Where to say a receipt or refusal as an event, for publishes whose acknowledgement cannot carry it.
#[derive(Debug)]
pub(crate) struct Echo {
    /// The user in the publish's topic.
    pub(crate) user: UserId,
    /// The conversation in it.
    pub(crate) conversation: ConversationId,
    /// Its encoding.
    pub(crate) encoding: Encoding,
    /// The id that the sender gave. Without one a receipt as an event would name nothing.
    pub(crate) id: Option<MessageId>,
}

/// Answers a publish. Dropped without an answer it says that nobody knows.
#[derive(Debug)]
pub(crate) struct Reply {
    completion: Completion,
    stats: Arc<BridgeStats>,
    echo: Option<Box<Echo>>,
    _charge: Option<Charge>,
}

impl Reply {
    pub(crate) fn new(completion: Completion, stats: Arc<BridgeStats>, charge: Option<Charge>) -> Self {
        Self { completion, stats, echo: None, _charge: charge }
    }

    /// Wants answers as events too.
    pub(crate) fn echo(&mut self, echo: Echo) {
        self.echo = Some(Box::new(echo));
    }

    /// It is stored.
    pub(crate) fn stored(self, stored: Stored) {
        let notice = self.echo.and_then(|echo| {
            let id = echo.id.as_ref()?;
            echo.notice(&Event::Receipt { conv: echo.conv(), id, seq: stored.seq, ts: stored.ts })
        });
        self.completion.complete(Answer::Stored { seq: stored.seq, ts: stored.ts, notice });
    }

    /// It is done, and nothing of it has a seq.
    pub(crate) fn done(self) {
        self.responded(None, None);
    }

    /// A request's response.
    pub(crate) fn responded(self, notice: Option<Notice>, renewed_until: Option<u64>) {
        self.completion.complete(Answer::Done { notice, renewed_until });
    }

    /// Nothing was stored.
    pub(crate) fn refused(self, refusal: Refusal) {
        self.stats.refused(refusal.code);
        let notice = self.echo.and_then(|echo| {
            let (conv, id) = (Some(echo.conv()), echo.id.as_ref());
            echo.notice(&Event::Error { conv, id, code: refusal.code, reason: &refusal.reason })
        });
        self.completion.complete(Answer::Refused { refusal, notice });
    }

    /// Nothing was done here.
    pub(crate) fn moved(self) {
        self.completion.complete(Answer::Moved);
    }

    /// Nobody knows.
    pub(crate) fn unknown(self) {
        self.completion.complete(Answer::Unknown);
    }
}

impl Echo {
    fn conv(&self) -> Cow<'_, str> {
        self.conversation.seen_by(&self.user)
    }

    fn notice(&self, event: &Event<'_>) -> Option<Notice> {
        let encoding = self.encoding.of_notices();
        let encoded = encode_event(encoding, event)?;
        Some(Notice {
            topic: conversation_topic(&self.user, &self.conversation, encoding),
            payload: encoded.payload,
            correlation_data: None,
        })
    }
}
