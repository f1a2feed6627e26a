//! Every statement, prepared once.
//!
//! The driver does not recognise a conditional statement when the server is Cassandra, so those get here what they need: replicas in a
//! fixed order, so that rival ballots meet at one coordinator; no retry by the driver; and never the mark *idempotent*, for a second try
//! turns a success into *not applied*.

use std::sync::Arc;

use scylla::client::session::Session;
use scylla::policies::load_balancing::{DefaultPolicy, LoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::prepared::PreparedStatement;

use super::config::CassandraConfig;
use super::open_error::CassandraError;

macro_rules! statements {
    ($($kind:ident $(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The prepared statements.
        pub(super) struct Statements {
            /// For batches that carry a conditional statement.
            pub(super) fixed_order: Arc<dyn LoadBalancingPolicy>,
            $($(#[$doc])* pub(super) $name: PreparedStatement,)*
        }

        impl Statements {
            /// Prepares all of them on the keyspace.
            pub(super) async fn prepare(session: &Session, config: &CassandraConfig) -> Result<Self, CassandraError> {
                let preparing = Preparing { session, config, fixed_order: fixed_order(config) };
                Ok(Self {
                    $($name: preparing.$kind($text).await?,)*
                    fixed_order: preparing.fixed_order,
                })
            }
        }
    };
}

statements! {
    // Journal.
    serial statics = "SELECT DISTINCT shard, head, epoch, owner, applied, settled, trimmed, last_commit FROM {}.journal WHERE shard = ?";
    conditional take = "UPDATE {}.journal SET epoch = ?, owner = ? WHERE shard = ? IF epoch = ?";
    conditional advance = "UPDATE {}.journal SET head = ?, applied = ?, settled = ?, last_commit = ? WHERE shard = ? IF head = ? AND epoch = ?";
    conditional append = "INSERT INTO {}.journal (shard, n, entry) VALUES (?, ?, ?)";
    conditional trimmed = "UPDATE {}.journal SET trimmed = ? WHERE shard = ? IF trimmed = ?";
    plain tail = "SELECT n, entry FROM {}.journal WHERE shard = ? AND n > ? LIMIT ?";
    plain trim = "DELETE FROM {}.journal WHERE shard = ? AND n <= ?";

    // Log.
    plain log_entry = "INSERT INTO {}.log (conversation, bucket, kind, key, ts, latest, entry) VALUES (?, ?, 0, ?, ?, ?, ?) USING TIMESTAMP ?";
    plain log_shell = "INSERT INTO {}.log (conversation, bucket, kind, key, ts, latest) VALUES (?, ?, 0, ?, ?, ?) USING TIMESTAMP ?";
    plain log_content = "UPDATE {}.log USING TIMESTAMP ? AND TTL ? SET entry = ? WHERE conversation = ? AND bucket = ? AND kind = 0 AND key = ?";
    plain log_dedup = "INSERT INTO {}.log (conversation, bucket, kind, key, seq, ts) VALUES (?, ?, 1, ?, ?, ?) USING TIMESTAMP ? AND TTL ?";
    plain log_head = "INSERT INTO {}.log (conversation, bucket, head) VALUES (?, 0, ?) USING TIMESTAMP ?";
    plain head = "SELECT DISTINCT conversation, bucket, head, floor FROM {}.log WHERE conversation = ? AND bucket = 0";
    plain latest = "SELECT DISTINCT conversation, bucket, latest FROM {}.log WHERE conversation = ? AND bucket = ?";
    plain page_up = "SELECT key, entry FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0 AND key >= ? AND key <= ?";
    plain page_down = "SELECT key, entry FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0 AND key >= ? AND key <= ? ORDER BY kind DESC, key DESC";
    plain dedup = "SELECT seq, ts FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 1 AND key = ?";

    plain log_floor = "INSERT INTO {}.log (conversation, bucket, floor) VALUES (?, 0, ?) USING TIMESTAMP ?";
    plain log_below = "DELETE FROM {}.log USING TIMESTAMP ? WHERE conversation = ? AND bucket = ? AND kind = 0 AND key <= ?";
    plain log_times = "SELECT key, ts FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0 AND key > ? LIMIT ?";

    // Conversations, members, inboxes.
    plain inbox_head = "UPDATE {}.inbox USING TIMESTAMP ? SET head = ? WHERE user = ? AND conversation = ?";
    plain inbox_joined = "UPDATE {}.inbox USING TIMESTAMP ? SET kind = ?, joined = ?, head = ? WHERE user = ? AND conversation = ?";
    plain inbox_left = "UPDATE {}.inbox USING TIMESTAMP ? SET gone = ?, head = ? WHERE user = ? AND conversation = ?";
    plain inbox_kind = "UPDATE {}.inbox USING TIMESTAMP ? SET kind = ? WHERE user = ? AND conversation = ?";
    plain inbox = "SELECT conversation, kind, head, joined, gone FROM {}.inbox WHERE user = ?";
    plain inbox_row = "SELECT conversation, kind, head, joined, gone FROM {}.inbox WHERE user = ? AND conversation = ?";
    plain member_joined = "UPDATE {}.member USING TIMESTAMP ? SET role = ?, joined = ? WHERE conversation = ? AND user = ?";
    plain member_left = "UPDATE {}.member USING TIMESTAMP ? SET gone = ? WHERE conversation = ? AND user = ?";
    plain member_role = "UPDATE {}.member USING TIMESTAMP ? SET role = ? WHERE conversation = ? AND user = ?";
    plain members = "SELECT user, role, joined, gone FROM {}.member WHERE conversation = ?";
    plain member = "SELECT user, role, joined, gone FROM {}.member WHERE conversation = ? AND user = ?";
    plain conversation_facts = "INSERT INTO {}.conversation (conversation, kind, created, creator, version) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?";
    plain conversation_title = "UPDATE {}.conversation USING TIMESTAMP ? SET title = ? WHERE conversation = ?";
    plain conversation_kind = "UPDATE {}.conversation USING TIMESTAMP ? SET kind = ? WHERE conversation = ?";
    plain conversation_age = "UPDATE {}.conversation USING TIMESTAMP ? SET retention_age = ? WHERE conversation = ?";
    plain conversation_entries = "UPDATE {}.conversation USING TIMESTAMP ? SET retention_entries = ? WHERE conversation = ?";
    plain conversation_version = "UPDATE {}.conversation USING TIMESTAMP ? SET version = ? WHERE conversation = ?";
    plain conversation = "SELECT kind, title, created, creator, retention_age, retention_entries, version FROM {}.conversation WHERE conversation = ?";

    // Devices.
    plain cursor_raise = "UPDATE {}.cursor USING TIMESTAMP ? SET seq = ? WHERE user = ? AND device = ? AND generation = ? AND conversation = ?";
    plain cursors = "SELECT conversation, seq FROM {}.cursor WHERE user = ? AND device = ? AND generation = ?";
    plain cursor = "SELECT seq FROM {}.cursor WHERE user = ? AND device = ? AND generation = ? AND conversation = ?";
    plain all_cursors = "SELECT device, generation, conversation, seq FROM {}.cursor WHERE user = ?";
    plain cursors_before = "DELETE FROM {}.cursor USING TIMESTAMP ? WHERE user = ? AND device = ? AND generation < ?";
    plain cursors_through = "DELETE FROM {}.cursor USING TIMESTAMP ? WHERE user = ? AND device = ? AND generation <= ?";
    plain mark_delivered = "UPDATE {}.mark USING TIMESTAMP ? SET delivered = ?, delivered_at = ? WHERE conversation = ? AND user = ?";
    plain mark_read = "UPDATE {}.mark USING TIMESTAMP ? SET read = ?, read_at = ? WHERE conversation = ? AND user = ?";
    plain marks = "SELECT user, delivered, delivered_at, read, read_at FROM {}.mark WHERE conversation = ?";
    plain mark = "SELECT user, delivered, delivered_at, read, read_at FROM {}.mark WHERE conversation = ? AND user = ?";
    plain session_put = "INSERT INTO {}.session (user, device, connection, version, content, generation) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    plain session_end = "DELETE FROM {}.session USING TIMESTAMP ? WHERE user = ? AND device = ?";
    plain session = "SELECT device, connection, version, generation, content FROM {}.session WHERE user = ? AND device = ?";
    plain sessions = "SELECT device, connection, version, generation, content FROM {}.session WHERE user = ?";
    plain push_record = "UPDATE {}.push USING TIMESTAMP ? AND TTL ? SET record = ? WHERE user = ? AND device = ? AND conversation = ?";
    plain push = "SELECT device, conversation, record FROM {}.push WHERE user = ? AND device = ? AND conversation = ?";
    plain pushes = "SELECT device, conversation, record FROM {}.push WHERE user = ?";

    // Health.
    plain ping = "SELECT creator FROM {}.conversation WHERE conversation = ?";

    // The audit's scans.
    plain scan_logs = "SELECT DISTINCT conversation, bucket FROM {}.log";
    plain scan_log = "SELECT key, ts, entry FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0";
    plain scan_dedup = "SELECT key, seq, ts FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 1";
    plain scan_row = "SELECT key FROM {}.log WHERE conversation = ? AND bucket = ? AND kind = 0 AND key = ?";
    plain scan_limits = "SELECT conversation, retention_age, retention_entries FROM {}.conversation";
    plain scan_sessions = "SELECT user, device, content FROM {}.session";
    conditional sweeper_take = "INSERT INTO {}.meta (key, value) VALUES ('sweeper', ?) IF NOT EXISTS USING TTL ?";
    conditional sweeper_keep = "UPDATE {}.meta USING TTL ? SET value = ? WHERE key = 'sweeper' IF value = ?";
    plain scan_members = "SELECT conversation, user, joined, gone FROM {}.member";
    plain scan_inboxes = "SELECT user, joined FROM {}.inbox";
    plain scan_cursors = "SELECT user, device, generation, conversation, seq FROM {}.cursor";
    plain scan_marks = "SELECT conversation, user, delivered, read FROM {}.mark";
    plain scan_pushes = "SELECT user, device, conversation, record FROM {}.push";
    plain scan_journal = "SELECT n, entry FROM {}.journal WHERE shard = ? AND n > ?";

    // Registers.
    serial register_now = "SELECT version, value FROM {}.register WHERE part = ? AND key = ?";
    plain register = "SELECT version, value FROM {}.register WHERE part = ? AND key = ?";
    plain register_part = "SELECT key, version, value FROM {}.register WHERE part = ? AND key >= ?";
    plain register_all = "SELECT key, version, value FROM {}.register";
    conditional register_first = "INSERT INTO {}.register (part, key, version, value) VALUES (?, ?, ?, ?) IF NOT EXISTS";
    conditional register_next = "UPDATE {}.register SET version = ?, value = ? WHERE part = ? AND key = ? IF version = ?";
    conditional register_gone = "UPDATE {}.register SET version = ?, value = null WHERE part = ? AND key = ? IF version = ?";
}

struct Preparing<'a> {
    session: &'a Session,
    config: &'a CassandraConfig,
    fixed_order: Arc<dyn LoadBalancingPolicy>,
}

impl Preparing<'_> {
    /// A read or write that may be sent twice, because it says the same each time.
    async fn plain(&self, text: &str) -> Result<PreparedStatement, CassandraError> {
        let mut statement = self.any(text).await?;
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    /// A read that sees every compare-and-set before it, finishing those that are half done.
    async fn serial(&self, text: &str) -> Result<PreparedStatement, CassandraError> {
        let mut statement = self.any(text).await?;
        statement.set_consistency(self.config.serial_read());
        statement.set_load_balancing_policy(Some(self.fixed_order.clone()));
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    /// A compare-and-set, or a row of a batch that is one.
    async fn conditional(&self, text: &str) -> Result<PreparedStatement, CassandraError> {
        let mut statement = self.any(text).await?;
        statement.set_load_balancing_policy(Some(self.fixed_order.clone()));
        statement.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        statement.set_is_idempotent(false);
        Ok(statement)
    }

    async fn any(&self, text: &str) -> Result<PreparedStatement, CassandraError> {
        let keyspace = &self.config.keyspace;
        let prepared = self.session.prepare(text.replace("{}", keyspace)).await;
        prepared.map_err(|error| CassandraError::Statement { keyspace: keyspace.clone(), reason: error.to_string() })
    }
}

fn fixed_order(config: &CassandraConfig) -> Arc<dyn LoadBalancingPolicy> {
    let policy = DefaultPolicy::builder().token_aware(true).enable_shuffling_replicas(false);
    match &config.local_data_centre {
        Some(home) => policy.prefer_datacenter(home.clone()).build(),
        None => policy.build(),
    }
}
