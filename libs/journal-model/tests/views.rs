//! The model stores the same views of a message, in the same order, as the code says that a message has.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use longwave_model::{Content, ConversationId, Entry, Message, MessageId, Seq, UserId};
use longwave_persistence::Audience;
use longwave_persistence::views::{ViewWrite, views};

#[test]
fn a_message_has_the_views_that_the_model_knows() {
    let user = |name| UserId::parse(name).unwrap();
    let entry = Arc::new(Entry {
        conversation: ConversationId::parse("alice:bob").unwrap(),
        seq: Seq(2),
        ts: 1,
        sender: user("alice"),
        device: None,
        id: Some(MessageId::parse("m".into()).unwrap()),
        expires_at: None,
        origin: None,
        content: Content::Message(Message::default()),
    });
    let writes = views(&entry, &Arc::new(Audience(vec![user("bob")])));
    // Log row and dedup row are one mutation of the first stage, head and inbox make the second.
    assert!(
        matches!(
            writes.as_slice(),
            [ViewWrite::Log(_), ViewWrite::Dedup { .. }, ViewWrite::Head { .. }, ViewWrite::InboxHead { .. }]
        ),
        "the model of the journal no longer stores what a message causes: {writes:?}"
    );
}
