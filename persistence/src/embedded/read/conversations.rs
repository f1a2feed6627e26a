//! Inboxes, conversations, members, marks.

use async_trait::async_trait;
use longwave_model::{ConversationId, ConversationKind, Seq, UserId};
use prost::Message as _;

use super::entries::read_head;
use crate::cursors::{Mark, Marks};
use crate::embedded::Embedded;
use crate::embedded::keys;
use crate::embedded::rows::{self, ConversationFacts, MembershipRow};
use crate::embedded::tables::{Table, View, damaged};
use crate::error::StoreError;
use crate::inbox::{Inbox, InboxRow};
use crate::members::{ConversationRow, MemberRow, Members};

#[async_trait]
impl Inbox for Embedded {
    async fn inbox(&self, user: &UserId) -> Result<Vec<InboxRow>, StoreError> {
        let view = self.shared.view()?;
        let mut inbox = Vec::new();
        for row in view.prefix(Table::Inbox, &keys::prefix(user.as_str())) {
            let (key, row) = row?;
            let conversation = keys::parse_pair(&key).and_then(|(_, second)| keys::conversation(second));
            let conversation =
                conversation.ok_or_else(|| damaged(Table::Inbox, format!("a key of {user} is not one")))?;
            inbox.push(inbox_row(&view, conversation, &row)?);
        }
        Ok(inbox)
    }

    async fn inbox_row(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<InboxRow>, StoreError> {
        let view = self.shared.view()?;
        let row = view.get(Table::Inbox, &keys::pair(user.as_str(), conversation.as_str()))?;
        row.map(|row| inbox_row(&view, conversation.clone(), &row)).transpose()
    }
}

#[async_trait]
impl Members for Embedded {
    async fn conversation(&self, conversation: &ConversationId) -> Result<Option<ConversationRow>, StoreError> {
        let Some(facts) = read_facts(&self.shared.view()?, conversation)? else { return Ok(None) };
        let row = facts.into_row();
        row.map(Some).ok_or_else(|| damaged(Table::Conversation, conversation.to_string()))
    }

    async fn members(&self, conversation: &ConversationId) -> Result<Vec<MemberRow>, StoreError> {
        let view = self.shared.view()?;
        let mut members = Vec::new();
        for row in view.prefix(Table::Member, &keys::prefix(conversation.as_str())) {
            let (key, row) = row?;
            let user = keys::parse_pair(&key).and_then(|(_, second)| keys::user(second));
            let user = user.ok_or_else(|| damaged(Table::Member, format!("a key of {conversation} is not one")))?;
            members.push(member_row(conversation, user, &row)?);
        }
        Ok(members)
    }

    async fn member(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<MemberRow>, StoreError> {
        let key = keys::pair(conversation.as_str(), user.as_str());
        let row = self.shared.tables()?.get(Table::Member, &key)?;
        row.map(|row| member_row(conversation, user.clone(), &row)).transpose()
    }
}

#[async_trait]
impl Marks for Embedded {
    async fn marks(&self, conversation: &ConversationId) -> Result<Vec<Mark>, StoreError> {
        let view = self.shared.view()?;
        let mut marks = Vec::new();
        for row in view.prefix(Table::Mark, &keys::prefix(conversation.as_str())) {
            let (key, row) = row?;
            let user = keys::parse_pair(&key).and_then(|(_, second)| keys::user(second));
            let mark = user.and_then(|user| rows::parse_mark(user, &row));
            marks.push(mark.ok_or_else(|| damaged(Table::Mark, conversation.to_string()))?);
        }
        Ok(marks)
    }

    async fn mark(&self, conversation: &ConversationId, user: &UserId) -> Result<Option<Mark>, StoreError> {
        let key = keys::pair(conversation.as_str(), user.as_str());
        let Some(row) = self.shared.tables()?.get(Table::Mark, &key)? else { return Ok(None) };
        let mark = rows::parse_mark(user.clone(), &row);
        mark.map(Some).ok_or_else(|| damaged(Table::Mark, format!("{conversation}, {user}")))
    }
}

/// The membership with the head as the raises would have left it.
fn inbox_row(view: &View, conversation: ConversationId, row: &[u8]) -> Result<InboxRow, StoreError> {
    let membership = decode_membership(Table::Inbox, &conversation, row)?;
    let kind = if conversation.is_direct() {
        ConversationKind::Direct
    } else {
        let facts = read_facts(view, &conversation)?;
        let kind = facts.and_then(|facts| facts.kind());
        kind.ok_or_else(|| damaged(Table::Conversation, format!("{conversation}: no row, but members")))?
    };
    let head = match (kind, membership.left) {
        (_, Some(left)) => Seq(left),
        (ConversationKind::Channel, None) => Seq(membership.joined),
        (ConversationKind::Direct | ConversationKind::Group, None) => {
            read_head(view, &conversation)?
                .ok_or_else(|| damaged(Table::Head, format!("{conversation}: no row, but members")))?
                .seq
        }
    };
    Ok(InboxRow { conversation, kind, head, joined: Seq(membership.joined), left: membership.left.map(Seq) })
}

fn read_facts(view: &View, conversation: &ConversationId) -> Result<Option<ConversationFacts>, StoreError> {
    let row = view.get(Table::Conversation, conversation.as_str().as_bytes())?;
    row.map(|row| {
        ConversationFacts::decode(&*row)
            .map_err(|error| damaged(Table::Conversation, format!("{conversation}: {error}")))
    })
    .transpose()
}

fn member_row(conversation: &ConversationId, user: UserId, row: &[u8]) -> Result<MemberRow, StoreError> {
    let membership = decode_membership(Table::Member, conversation, row)?;
    let role = membership.role().ok_or_else(|| damaged(Table::Member, format!("{conversation}: a role")))?;
    Ok(MemberRow { user, role, joined: Seq(membership.joined), left: membership.left.map(Seq) })
}

fn decode_membership(table: Table, conversation: &ConversationId, row: &[u8]) -> Result<MembershipRow, StoreError> {
    MembershipRow::decode(row).map_err(|error| damaged(table, format!("{conversation}: {error}")))
}
