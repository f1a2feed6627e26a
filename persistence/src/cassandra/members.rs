//! Conversations, members and inboxes: rows whose columns carry the seq of the entry that wrote them last.
//!
//! Who has left and joined again has both columns; the greater seq says which it is.

use async_trait::async_trait;
use longwave_model::{ConversationId, ConversationKind, Role, Seq, UserId};

use super::Cassandra;
use super::execute::{damaged, unsigned};
use crate::error::StoreError;
use crate::inbox::{Inbox, InboxRow};
use crate::members::{ConversationRow, MemberRow, Members};

type InboxColumns = (String, Option<i8>, Option<i64>, Option<i64>, Option<i64>);
type MemberColumns = (String, Option<i8>, Option<i64>, Option<i64>);
type FactColumns = (Option<i8>, Option<String>, Option<i64>, Option<String>, Option<i64>, Option<i64>, Option<i64>);

#[async_trait]
impl Members for Cassandra {
    async fn conversation(&self, conversation: &ConversationId) -> Result<Option<ConversationRow>, StoreError> {
        let values = (conversation.as_str(),);
        let row: Option<FactColumns> = self.one("conversation", &self.statements.conversation, values).await?;
        let Some((kind, title, created, creator, age, entries, version)) = row else { return Ok(None) };
        // An entry that changes it was applied before the one that creates it: there is none yet.
        if creator.is_none() {
            return Ok(None);
        }
        let missing = || damaged("conversation", format!("{conversation} lacks a column"));
        // 0 returns to the global setting.
        let limit = |number: Option<i64>| number.map(unsigned).filter(|number| *number != 0);
        Ok(Some(ConversationRow {
            kind: kind_of(kind).ok_or_else(missing)?,
            title,
            created: unsigned(created.ok_or_else(missing)?),
            creator: creator.and_then(|user| UserId::parse(&user).ok()).ok_or_else(missing)?,
            retention_age_seconds: limit(age),
            retention_entries: limit(entries),
            version: Seq(unsigned(version.ok_or_else(missing)?)),
        }))
    }

    async fn members(&self, conversation: &ConversationId) -> Result<Vec<MemberRow>, StoreError> {
        let rows: Vec<MemberColumns> = self.all("member", &self.statements.members, (conversation.as_str(),)).await?;
        rows.into_iter().filter_map(|row| member_row(conversation, row).transpose()).collect()
    }

    async fn member(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<MemberRow>, StoreError> {
        let values = (conversation.as_str(), user.as_str());
        let row: Option<MemberColumns> = self.one("member", &self.statements.member, values).await?;
        row.map_or(Ok(None), |row| member_row(conversation, row))
    }
}

#[async_trait]
impl Inbox for Cassandra {
    async fn inbox(&self, user: &UserId) -> Result<Vec<InboxRow>, StoreError> {
        let rows: Vec<InboxColumns> = self.all("inbox", &self.statements.inbox, (user.as_str(),)).await?;
        rows.into_iter().filter_map(|row| inbox_row(user, row).transpose()).collect()
    }

    async fn inbox_row(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<InboxRow>, StoreError> {
        let values = (user.as_str(), conversation.as_str());
        let row: Option<InboxColumns> = self.one("inbox", &self.statements.inbox_row, values).await?;
        row.map_or(Ok(None), |row| inbox_row(user, row))
    }
}

/// `None` while the row says less than a membership: its role was changed, or it was left, by an entry that was applied before the one of
/// the join.
fn member_row(conversation: &ConversationId, row: MemberColumns) -> Result<Option<MemberRow>, StoreError> {
    let (user, role, joined, left) = row;
    let bad = || damaged("member", format!("{conversation}, {user} lacks a column"));
    let Some(joined) = joined.map(|joined| Seq(unsigned(joined))) else { return Ok(None) };
    Ok(Some(MemberRow {
        role: role.and_then(|role| Role::from_number(u32::try_from(role).ok()?)).ok_or_else(bad)?,
        joined,
        left: left_after(joined, left),
        user: UserId::parse(&user).map_err(|_| bad())?,
    }))
}

/// `None` while the row says less than a membership: raised by an entry that was applied before the one of the join.
fn inbox_row(user: &UserId, row: InboxColumns) -> Result<Option<InboxRow>, StoreError> {
    let (conversation, kind, head, joined, left) = row;
    let (Some(joined), Some(kind)) = (joined, kind_of(kind)) else { return Ok(None) };
    let bad = || damaged("inbox", format!("{user}, {conversation}: not a conversation"));
    let joined = Seq(unsigned(joined));
    let left = left_after(joined, left);
    let head = Seq(unsigned(head.unwrap_or(0))).max(joined);
    Ok(Some(InboxRow {
        conversation: ConversationId::parse(&conversation).map_err(|_| bad())?,
        kind,
        head: left.map_or(head, |left| head.min(left)),
        joined,
        left,
    }))
}

fn left_after(joined: Seq, left: Option<i64>) -> Option<Seq> {
    left.map(|left| Seq(unsigned(left))).filter(|left| *left > joined)
}

fn kind_of(number: Option<i8>) -> Option<ConversationKind> {
    ConversationKind::from_number(u32::try_from(number?).ok()?)
}
