//! The number on an application's icon: what a user has not read, counted when a push is sent.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use longwave_model::{ConversationKind, Seq, UserId};
use longwave_persistence::{Direction, InboxRow, Store, StoreError};

use crate::settings::Badge;

/// Conversations looked at at once.
const AT_ONCE: usize = 16;
/// Entries looked at in one conversation: enough to find a message of somebody else among one's own.
const LOOKED_AT: usize = 128;
/// Bytes of their bodies; only who wrote them matters.
const BYTES: usize = 256 * 1024;

/// What is unread, at most `limit`.
pub(crate) async fn badge(
    store: &dyn Store,
    user: &UserId,
    counts: Badge,
    limit: u32,
) -> Result<Option<u32>, StoreError> {
    if counts == Badge::Off {
        return Ok(None);
    }
    let inbox = store.inbox(user).await?;
    let present = inbox.into_iter().filter(|row| row.left.is_none_or(|left| left < row.joined));
    let mut unread = stream::iter(present).map(|row| unread(store, user, row)).buffer_unordered(AT_ONCE);
    let mut sum = 0;
    while let Some(messages) = unread.try_next().await? {
        sum += if counts == Badge::Conversations { messages.min(1) } else { messages };
        if sum >= limit {
            return Ok(Some(limit));
        }
    }
    Ok(Some(sum))
}

/// Messages of others above the user's read mark.
async fn unread(store: &dyn Store, user: &UserId, row: InboxRow) -> Result<u32, StoreError> {
    let conversation = &row.conversation;
    let head = match row.kind {
        ConversationKind::Channel => store.head(conversation).await?.map_or(Seq::ZERO, |head| head.seq),
        _ => row.head,
    };
    let read = store.mark(conversation, user).await?.map_or(Seq::ZERO, |mark| mark.read);
    let from = read.max(Seq(row.joined.0.saturating_sub(1))).next();
    if from > head {
        return Ok(0);
    }
    let page = store.page(conversation, from.0..=head.0, Direction::Backward, LOOKED_AT, BYTES).await?;
    let of_others = page.entries.iter().filter(|entry| entry.message().is_some() && entry.sender != *user);
    Ok(u32::try_from(of_others.count()).unwrap_or(u32::MAX))
}
