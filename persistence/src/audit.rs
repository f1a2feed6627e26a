//! The audit: whether the tables agree with each other, on any backend, while it runs or offline.
//!
//! Per conversation the log is dense from the floor to the head, dedup rows and entries name each other, memberships and inboxes agree,
//! cursors, marks and push records do not pass the head; per shard the journal is dense and points to entries that are there. The audit works on
//! a [`Survey`], one view of all tables as of one moment.

mod conversation;
mod finding;
mod journal;

use longwave_model::{ConversationId, DeviceId, MessageId, Position, Seq, ShardId, UserId};

pub use finding::Finding;

use crate::error::StoreError;
use crate::log::{Head, Stored};

/// Rows of one kind, in the order of their keys.
pub type Rows<'a, T> = Box<dyn Iterator<Item = Result<T, StoreError>> + 'a>;

/// What the audit wants to know of a log row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFact {
    /// Its seq.
    pub seq: Seq,
    /// Whether its content has expired and been removed; then nothing else is known.
    pub removed: bool,
    /// The conversation and seq inside the entry.
    pub names: Option<(ConversationId, Seq)>,
    /// The sender and its message id, if it gave one.
    pub id: Option<(UserId, MessageId)>,
    /// Unix time in milliseconds at which it got its seq.
    pub ts: u64,
}

/// A membership as one table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipFact {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// Seq of the join.
    pub joined: Seq,
    /// Seq of the leave, if it ended.
    pub left: Option<Seq>,
}

/// All tables as of one moment.
pub trait Survey {
    /// Every conversation that has a head or a log row.
    fn conversations(&self) -> Rows<'_, ConversationId>;
    /// Its head and floor.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError>;
    /// Its log.
    fn log<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, LogFact>;
    /// Its dedup rows.
    fn dedup<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, (UserId, MessageId, Stored)>;
    /// Memberships by conversation.
    fn members(&self) -> Rows<'_, MembershipFact>;
    /// One membership by user.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn inbox(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<MembershipFact>, StoreError>;
    /// How many memberships by user there are.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn inbox_rows(&self) -> Result<u64, StoreError>;
    /// All cursors.
    fn cursors(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)>;
    /// All marks: delivered, read.
    fn marks(&self) -> Rows<'_, (ConversationId, UserId, Seq, Seq)>;
    /// All push records.
    fn pushes(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)>;
    /// Number of shards.
    fn shards(&self) -> u16;
    /// Trimmed position and head of a shard's journal.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn journal_bounds(&self, shard: ShardId) -> Result<(Position, Position), StoreError>;
    /// How far the views of a shard's entries are promised to be stored; its head where they are part of the append.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn applied(&self, shard: ShardId) -> Result<Position, StoreError>;
    /// What a shard's journal points to.
    fn journal(&self, shard: ShardId) -> Rows<'_, (Position, ConversationId, Seq)>;
    /// Whether a log row is there.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn has_log_row(&self, conversation: &ConversationId, seq: Seq) -> Result<bool, StoreError>;
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Conversations.
    pub conversations: u64,
    /// Log rows.
    pub entries: u64,
    /// Dedup rows.
    pub dedup: u64,
    /// Memberships.
    pub members: u64,
    /// Cursors.
    pub cursors: u64,
    /// Marks.
    pub marks: u64,
    /// Push records.
    pub pushes: u64,
    /// Journal positions.
    pub journal: u64,
    /// What does not hold.
    pub findings: u64,
}

/// Checks everything; `each` gets what does not hold. Blocks: call it where blocking is allowed.
///
/// # Errors
/// [`StoreError`] when the store cannot be read; what was found before that has been reported.
pub fn audit(survey: &dyn Survey, now: u64, each: &mut dyn FnMut(Finding)) -> Result<Summary, StoreError> {
    let mut audit = Audit { survey, now, summary: Summary::default(), each };
    for conversation in survey.conversations() {
        audit.check_conversation(&conversation?)?;
    }
    audit.check_members()?;
    audit.check_cursors()?;
    audit.check_marks()?;
    audit.check_pushes()?;
    for shard in (0..survey.shards()).map(ShardId) {
        audit.check_journal(shard)?;
    }
    Ok(audit.summary)
}

struct Audit<'a> {
    survey: &'a dyn Survey,
    now: u64,
    summary: Summary,
    each: &'a mut dyn FnMut(Finding),
}

impl Audit<'_> {
    fn report(&mut self, finding: Finding) {
        self.summary.findings += 1;
        (self.each)(finding);
    }

    fn head_of(&self, conversation: &ConversationId) -> Result<Seq, StoreError> {
        Ok(self.survey.head(conversation)?.map_or(Seq(0), |head| head.seq))
    }

    fn check_members(&mut self) -> Result<(), StoreError> {
        for member in self.survey.members() {
            let member = member?;
            self.summary.members += 1;
            let head = self.head_of(&member.conversation)?;
            let at = |seq, what| Finding::at(&member.conversation, seq, what);
            if member.joined > head || member.joined == Seq(0) {
                let what = format!("{} joined at {}, the head is {head}", member.user, member.joined);
                self.report(at(member.joined, what));
            }
            if let Some(left) = member.left.filter(|left| *left > head) {
                self.report(at(left, format!("{} left at {left}, the head is {head}", member.user)));
            }
            match self.survey.inbox(&member.user, &member.conversation)? {
                Some(inbox) if inbox == member => {}
                Some(inbox) => {
                    let what = format!("{}: membership and inbox differ: {member:?}, {inbox:?}", member.user);
                    self.report(at(member.joined, what));
                }
                None => self.report(at(member.joined, format!("{} has no inbox row", member.user))),
            }
        }
        let inbox_rows = self.survey.inbox_rows()?;
        if inbox_rows != self.summary.members {
            let what = format!("{} memberships, but {inbox_rows} inbox rows", self.summary.members);
            self.report(Finding::anywhere(what));
        }
        Ok(())
    }

    fn check_cursors(&mut self) -> Result<(), StoreError> {
        for cursor in self.survey.cursors() {
            let (user, device, conversation, seq) = cursor?;
            self.summary.cursors += 1;
            let head = self.head_of(&conversation)?;
            if seq > head {
                let what = format!("cursor {seq} of {user}, {device} is above the head {head}");
                self.report(Finding::at(&conversation, seq, what));
            }
        }
        Ok(())
    }

    fn check_marks(&mut self) -> Result<(), StoreError> {
        for mark in self.survey.marks() {
            let (conversation, user, delivered, read) = mark?;
            self.summary.marks += 1;
            let head = self.head_of(&conversation)?;
            if delivered.max(read) > head {
                let what = format!("marks {delivered} and {read} of {user} are above the head {head}");
                self.report(Finding::at(&conversation, delivered.max(read), what));
            }
        }
        Ok(())
    }

    fn check_pushes(&mut self) -> Result<(), StoreError> {
        for push in self.survey.pushes() {
            let (user, device, conversation, seq) = push?;
            self.summary.pushes += 1;
            let head = self.head_of(&conversation)?;
            if seq > head {
                let what = format!("push record {seq} of {user}, {device} is above the head {head}");
                self.report(Finding::at(&conversation, seq, what));
            }
        }
        Ok(())
    }
}
