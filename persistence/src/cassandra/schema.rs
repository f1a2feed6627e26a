//! Keyspace and tables: made and brought up to date by `longwave schema`, only looked at by everything else.
//!
//! Each version is a list of statements that may be run any number of times, by several processes at once (`IF NOT EXISTS`), so no
//! lock is needed: the version is written after its statements and only ever raised.
//!
//! Views are never under TimeWindowCompactionStrategy: their timestamps are seqs, which all fall into one window. Small rows that are
//! overwritten in place (heads, inboxes, cursors) are compacted by levels, which keeps one copy of each; the log is append-only and uses the
//! unified strategy. gc_grace is one hour on the journal, whose range deletes are only ever below what readers look at.

use scylla::client::session::Session;
use scylla::statement::unprepared::Statement;

use super::config::{CassandraConfig, Replication};
use super::connect;
use super::open_error::{CassandraError, no_statement};

/// The version that this release makes and needs.
pub const SCHEMA_VERSION: u32 = 2;

const VERSION_KEY: &str = "schema_version";
const SHARDS_KEY: &str = "shards";

const LEVELS: &str = "compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 64}";
const UNIFIED: &str = "compaction = {'class': 'UnifiedCompactionStrategy'}";

/// Makes keyspace and tables, or brings them up to date. Safe to run again, and by several processes at once.
///
/// # Errors
/// [`CassandraError`] when a node refuses, a newer release was here, or the number of shards differs from the stored one.
pub async fn migrate(config: &CassandraConfig) -> Result<u32, CassandraError> {
    check_name(&config.keyspace)?;
    let session = connect::session(config).await?;
    let maker = Maker { session: &session, config };
    maker.run(&keyspace(config)).await?;
    let k = &config.keyspace;
    maker.run(&format!("CREATE TABLE IF NOT EXISTS {k}.meta (key text PRIMARY KEY, value bigint)")).await?;
    let found = maker.number(VERSION_KEY).await?.unwrap_or(0);
    if found > i64::from(SCHEMA_VERSION) {
        return Err(newer(config, found));
    }
    maker
        .run(&format!("INSERT INTO {k}.meta (key, value) VALUES ('{SHARDS_KEY}', {}) IF NOT EXISTS", config.shards))
        .await?;
    check_shards(&maker).await?;
    if found < 1 {
        for table in tables(k) {
            maker.run(&table).await?;
        }
        for shard in 0..config.shards {
            maker
                .run(&format!(
                    "INSERT INTO {k}.journal (shard, head, epoch, owner, applied, settled, trimmed, last_commit) \
                     VALUES ({shard}, 0, 0, 0x00, 0, 0, 0, 0) IF NOT EXISTS"
                ))
                .await?;
        }
    }
    if found < 2 {
        maker.run(&push_table(k)).await?;
    }
    maker
        .run(&format!(
            "UPDATE {k}.meta USING TIMESTAMP {SCHEMA_VERSION} SET value = {SCHEMA_VERSION} WHERE key = '{VERSION_KEY}'"
        ))
        .await?;
    Ok(SCHEMA_VERSION)
}

/// Refuses a keyspace that this release cannot use.
pub(super) async fn check(session: &Session, config: &CassandraConfig) -> Result<(), CassandraError> {
    check_name(&config.keyspace)?;
    let maker = Maker { session, config };
    let there = maker.exists().await?;
    let found = if there { maker.number(VERSION_KEY).await?.unwrap_or(0) } else { 0 };
    if found > i64::from(SCHEMA_VERSION) {
        return Err(newer(config, found));
    }
    if found < i64::from(SCHEMA_VERSION) {
        return Err(CassandraError::SchemaMissing {
            keyspace: config.keyspace.clone(),
            found: u32::try_from(found).unwrap_or(0),
            needed: SCHEMA_VERSION,
        });
    }
    check_shards(&maker).await
}

fn newer(config: &CassandraConfig, found: i64) -> CassandraError {
    CassandraError::NewerSchema {
        keyspace: config.keyspace.clone(),
        found: u32::try_from(found).unwrap_or(u32::MAX),
        known: SCHEMA_VERSION,
    }
}

async fn check_shards(maker: &Maker<'_>) -> Result<(), CassandraError> {
    let stored = maker.number(SHARDS_KEY).await?.unwrap_or(0);
    match u16::try_from(stored).unwrap_or(0) {
        stored if stored == maker.config.shards => Ok(()),
        stored => Err(CassandraError::ShardMismatch { stored, asked: maker.config.shards }),
    }
}

/// The keyspace's name goes into statements as it is.
fn check_name(name: &str) -> Result<(), CassandraError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty()
        || name.len() > 48
        || !name.chars().all(plain)
        || !name.starts_with(|c: char| c.is_ascii_lowercase())
    {
        return Err(CassandraError::Setting(format!(
            "cassandra.keyspace: {name:?}: 1 to 48 lower-case letters, digits and underscores, a letter first"
        )));
    }
    Ok(())
}

struct Maker<'a> {
    session: &'a Session,
    config: &'a CassandraConfig,
}

impl Maker<'_> {
    async fn run(&self, text: &str) -> Result<(), CassandraError> {
        let mut statement = Statement::new(text);
        statement.set_consistency(self.config.consistency());
        self.session.query_unpaged(statement, ()).await.map(drop).map_err(|error| no_statement(self.config, &error))
    }

    async fn exists(&self) -> Result<bool, CassandraError> {
        let text = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'meta'";
        let rows = self.session.query_unpaged(text, (&self.config.keyspace,)).await;
        let rows = rows
            .map_err(|error| no_statement(self.config, &error))?
            .into_rows_result()
            .map_err(|error| self.failed(&error))?;
        Ok(rows.rows_num() > 0)
    }

    async fn number(&self, key: &str) -> Result<Option<i64>, CassandraError> {
        // What a compare-and-set wrote is read as one.
        let mut statement = Statement::new(format!("SELECT value FROM {}.meta WHERE key = ?", self.config.keyspace));
        statement.set_consistency(self.config.serial_read());
        let rows = self.session.query_unpaged(statement, (key,)).await;
        let rows = rows.map_err(|error| no_statement(self.config, &error))?;
        let rows = rows.into_rows_result().map_err(|error| self.failed(&error))?;
        let row = rows.maybe_first_row::<(Option<i64>,)>().map_err(|error| self.failed(&error))?;
        Ok(row.and_then(|(value,)| value))
    }

    fn failed(&self, error: &impl ToString) -> CassandraError {
        CassandraError::Statement { keyspace: self.config.keyspace.clone(), reason: error.to_string() }
    }
}

fn keyspace(config: &CassandraConfig) -> String {
    let replication = match &config.replication {
        Replication::Simple(copies) => format!("'class': 'SimpleStrategy', 'replication_factor': {copies}"),
        Replication::DataCentres(centres) => {
            centres.iter().fold("'class': 'NetworkTopologyStrategy'".to_owned(), |text, (name, copies)| {
                format!("{text}, '{}': {copies}", name.replace('\'', "''"))
            })
        }
    };
    format!("CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {{{replication}}}", config.keyspace)
}

/// All tables of version 1.
fn tables(k: &str) -> Vec<String> {
    let table = |name, columns, options| table(k, name, columns, options);
    vec![
        table(
            "journal",
            "shard int, n bigint, head bigint static, epoch bigint static, owner blob static, applied bigint static, \
             settled bigint static, trimmed bigint static, last_commit bigint static, entry blob, PRIMARY KEY (shard, n)",
            &format!("gc_grace_seconds = 3600 AND {LEVELS}"),
        ),
        // kind 0: key is the seq; kind 1: key is sender, 0x00, message id.
        table(
            "log",
            "conversation text, bucket bigint, kind tinyint, key blob, head bigint static, floor bigint static, \
             latest bigint static, entry blob, seq bigint, ts bigint, PRIMARY KEY ((conversation, bucket), kind, key)",
            UNIFIED,
        ),
        table(
            "inbox",
            "user text, conversation text, kind tinyint, head bigint, joined bigint, gone bigint, \
             PRIMARY KEY (user, conversation)",
            LEVELS,
        ),
        table(
            "member",
            "conversation text, user text, role tinyint, joined bigint, gone bigint, PRIMARY KEY (conversation, user)",
            LEVELS,
        ),
        table(
            "conversation",
            "conversation text PRIMARY KEY, kind tinyint, title text, created bigint, creator text, \
             retention_age bigint, retention_entries bigint, version bigint",
            LEVELS,
        ),
        table(
            "cursor",
            "user text, device text, generation bigint, conversation text, seq bigint, \
             PRIMARY KEY (user, device, generation, conversation)",
            LEVELS,
        ),
        table(
            "mark",
            "conversation text, user text, delivered bigint, delivered_at bigint, read bigint, read_at bigint, \
             PRIMARY KEY (conversation, user)",
            LEVELS,
        ),
        table(
            "session",
            "user text, device text, connection bigint, version bigint, generation bigint, content blob, \
             PRIMARY KEY (user, device)",
            LEVELS,
        ),
        table("register", "part text, key text, version bigint, value blob, PRIMARY KEY (part, key)", LEVELS),
    ]
}

/// What version 2 adds. One cell holds a whole record, so that of two writes with the same timestamp one wins with all of it.
fn push_table(k: &str) -> String {
    table(
        k,
        "push",
        "user text, device text, conversation text, record blob, PRIMARY KEY (user, device, conversation)",
        LEVELS,
    )
}

fn table(k: &str, name: &str, columns: &str, options: &str) -> String {
    format!("CREATE TABLE IF NOT EXISTS {k}.{name} ({columns}) WITH {options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyspace_name_cannot_carry_a_statement() {
        for bad in ["", "a;b", "a b", "A", "1a", "a\"", &"a".repeat(49)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("longwave_2").is_ok());
    }

    #[test]
    fn copies_are_counted_per_data_centre() {
        let mut config = CassandraConfig::new(vec![]);
        config.replication = Replication::DataCentres(vec![("east".to_owned(), 3), ("o'west".to_owned(), 2)]);
        let text = keyspace(&config);
        assert!(text.contains("'class': 'NetworkTopologyStrategy', 'east': 3, 'o''west': 2"), "{text}");
    }
}
