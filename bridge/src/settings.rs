//! The bridge's limits and rules, each with its unit and default.

/// Who may open a direct conversation with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectPolicy {
    /// Everybody.
    Anyone,
    /// Who shares a group with the user.
    SharedGroup,
    /// Nobody new: only direct conversations that exist already.
    NobodyNew,
}

/// What to do about a user of whom nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownPeers {
    /// Take any user id for a user (`--dev`).
    Allowed,
    /// Refuse those without a `user/{user}/profile` register.
    Refused,
}

/// Limits and rules.
#[derive(Debug, Clone, PartialEq)]
pub struct BridgeSettings {
    /// Members that a group may have; a channel may have more.
    pub group_members: usize,
    /// Who may open a direct conversation.
    pub direct: DirectPolicy,
    /// Whether a user has to be known to be written to or added.
    pub unknown_peers: UnknownPeers,
    /// Size in bytes of a message's body.
    pub body_bytes: usize,
    /// Bytes of publishes that may wait for the store, all lanes together; above it they are refused with error 4003.
    pub queue_bytes: usize,
    /// Entries of one append.
    pub append_entries: usize,
    /// Bytes of one append; an entry larger than this travels alone.
    pub append_bytes: usize,
    /// Message ids remembered per lane; older ones are looked up in the store.
    pub dedup_entries: usize,
    /// Publishes without an id remembered per lane, so that their DUP resend is recognised.
    pub resend_entries: usize,
    /// Sessions per lane whose connection number is remembered.
    pub session_entries: usize,
    /// Conversations remembered per lane; others are looked up in the store.
    pub cached_conversations: usize,
    /// Publishes per second that one user may make on average; 0 = no limit. Twice as many may come at once.
    pub user_rate: u32,
    /// Requests of one session that may wait; above it they are refused with error 4003.
    pub queued_requests: usize,
    /// Entries of one page of history.
    pub page_entries: usize,
    /// Bytes of bodies of one page of history; one entry always fits.
    pub page_bytes: usize,
    /// Conversations of one page of `conversation.list`.
    pub list_conversations: usize,
    /// Milliseconds that journal rows are kept after every consumer has passed them.
    pub journal_millis: u64,
    /// The applications that devices may register for, by the word for the provider and name.
    pub push_apps: Vec<(&'static str, String)>,
}

impl Default for BridgeSettings {
    fn default() -> Self {
        Self {
            group_members: 1_024,
            direct: DirectPolicy::Anyone,
            unknown_peers: UnknownPeers::Refused,
            body_bytes: 128 * 1024,
            queue_bytes: 64 * 1024 * 1024,
            append_entries: 200,
            append_bytes: 128 * 1024,
            dedup_entries: 20_000,
            resend_entries: 8_192,
            session_entries: 16_384,
            cached_conversations: 4_096,
            user_rate: 0,
            queued_requests: 64,
            page_entries: 200,
            page_bytes: 128 * 1024,
            list_conversations: 200,
            journal_millis: 60 * 60 * 1_000,
            push_apps: Vec::new(),
        }
    }
}
