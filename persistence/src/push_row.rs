//! The value of a push record, the same on every backend: protobuf, so that fields can be added.
//!
//! It is one value even where a table could have a column for each part, because of two records with the same seq either may stay, but
//! not a half of each.

use longwave_model::{ConversationId, DeviceId, Seq, UserId};
use prost::Message as _;

use crate::pushes::{PushRecord, PushState};

/// How long a record is kept after it was written: 30 days, far beyond what a journal hands over again.
pub(crate) const KEPT_SECONDS: i32 = 30 * 24 * 60 * 60;

#[derive(Clone, PartialEq, prost::Message)]
struct Row {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(string, tag = "2")]
    state: String,
    #[prost(string, optional, tag = "3")]
    detail: Option<String>,
    #[prost(uint64, tag = "4")]
    ts: u64,
}

/// The value of a record.
pub(crate) fn encode(record: &PushRecord) -> Vec<u8> {
    let row = Row {
        seq: record.seq.0,
        state: record.state.as_str().to_owned(),
        detail: record.detail.clone(),
        ts: record.ts,
    };
    row.encode_to_vec()
}

/// The record of a key and a value; `None` when the value is damaged.
pub(crate) fn decode(
    user: &UserId,
    device: DeviceId,
    conversation: ConversationId,
    value: &[u8],
) -> Option<PushRecord> {
    let row = Row::decode(value).ok()?;
    Some(PushRecord {
        user: user.clone(),
        device,
        conversation,
        seq: Seq(row.seq),
        state: PushState::parse(&row.state)?,
        detail: row.detail,
        ts: row.ts,
    })
}

/// The seq and the time in a value; `None` when it is damaged.
pub(crate) fn seq_and_ts(value: &[u8]) -> Option<(Seq, u64)> {
    let row = Row::decode(value).ok()?;
    Some((Seq(row.seq), row.ts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_cut_or_says_a_state_nobody_knows_is_damaged() {
        let user = UserId::parse("bob").unwrap();
        let (device, conversation) = (DeviceId::parse("phone").unwrap(), ConversationId::parse("team").unwrap());
        let decode = |value: &[u8]| decode(&user, device.clone(), conversation.clone(), value);
        let record = PushRecord {
            user: user.clone(),
            device: device.clone(),
            conversation: conversation.clone(),
            seq: Seq(300),
            state: PushState::Failed,
            detail: Some("BadTopic".to_owned()),
            ts: 1_700_000_000_000,
        };
        let value = encode(&record);
        assert_eq!(seq_and_ts(&value), Some((Seq(300), 1_700_000_000_000)));
        assert_eq!(decode(&value[..value.len() - 1]), None);
        let unknown = Row { state: "launched".to_owned(), ..Row::decode(&value[..]).unwrap() };
        assert_eq!(decode(&unknown.encode_to_vec()), None);
        assert_eq!(decode(&value), Some(record));
    }
}
