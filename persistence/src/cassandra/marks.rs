//! Marks: two max registers per member, each with the time of its last rise.

use async_trait::async_trait;
use longwave_model::{ConversationId, Seq, UserId};

use super::Cassandra;
use super::execute::{damaged, signed, unsigned};
use crate::cursors::{Mark, MarkRaise, Marks};
use crate::error::StoreError;

type MarkColumns = (String, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

#[async_trait]
impl Marks for Cassandra {
    async fn marks(&self, conversation: &ConversationId) -> Result<Vec<Mark>, StoreError> {
        let rows: Vec<MarkColumns> = self.all("mark", &self.statements.marks, (conversation.as_str(),)).await?;
        rows.into_iter().map(|row| mark(conversation, row)).collect()
    }

    async fn mark(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Mark>, StoreError> {
        let values = (conversation.as_str(), user.as_str());
        let row: Option<MarkColumns> = self.one("mark", &self.statements.mark, values).await?;
        row.map(|row| mark(conversation, row)).transpose()
    }
}

impl Cassandra {
    pub(super) async fn raise_mark(&self, raise: MarkRaise) -> Result<(), StoreError> {
        let st = &self.statements;
        for (statement, seq) in [(&st.mark_delivered, raise.delivered), (&st.mark_read, raise.read)] {
            if seq > Seq::ZERO {
                let seq = signed(seq.0);
                let values = (seq, seq, reversed(raise.ts), raise.conversation.as_str(), raise.user.as_str());
                self.write("mark", statement, values).await?;
            }
        }
        Ok(())
    }
}

fn mark(conversation: &ConversationId, row: MarkColumns) -> Result<Mark, StoreError> {
    let (user, delivered, delivered_at, read, read_at) = row;
    let seq = |number: Option<i64>| Seq(number.map_or(0, unsigned));
    let time = |number: Option<i64>| number.map_or(0, |number| unsigned(i64::MAX - number));
    Ok(Mark {
        delivered: seq(delivered),
        read: seq(read),
        ts: time(delivered_at).max(time(read_at)),
        user: UserId::parse(&user).map_err(|_| damaged("mark", format!("{conversation}, {user}: not a user")))?,
    })
}

/// Of two writes with one timestamp Cassandra keeps the greater value; a mark that does not rise keeps its first time.
fn reversed(ts: u64) -> i64 {
    i64::MAX - signed(ts)
}
