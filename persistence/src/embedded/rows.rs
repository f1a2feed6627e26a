//! Values of the small tables. Those written by every commit have a fixed layout, the rarely written ones are protobuf, so that
//! fields can be added.

use longwave_model::{ConversationKind, DeviceId, Epoch, OwnerId, Position, Role, Seq, UserId};

use crate::cursors::Mark;
use crate::journal::Watermarks;
use crate::log::Stored;
use crate::members::ConversationRow;
use crate::registers::Versioned;

/// What a shard's journal is fenced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statics {
    pub(super) epoch: Epoch,
    pub(super) head: Position,
    pub(super) owner: OwnerId,
    pub(super) watermarks: Watermarks,
    pub(super) trimmed: Position,
}

impl Statics {
    pub(super) const EMPTY: Self = Self {
        epoch: Epoch(0),
        head: Position(0),
        owner: OwnerId(0),
        watermarks: Watermarks { applied: Position(0), settled: Position(0) },
        trimmed: Position(0),
    };

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut row = Vec::with_capacity(56);
        for number in [self.epoch.0, self.head.0, self.watermarks.applied.0, self.watermarks.settled.0, self.trimmed.0]
        {
            row.extend_from_slice(&number.to_be_bytes());
        }
        row.extend_from_slice(&self.owner.0.to_be_bytes());
        row
    }

    pub(super) fn decode(mut row: &[u8]) -> Option<Self> {
        let mut next = || number(&mut row);
        let (epoch, head, applied, settled, trimmed) = (next()?, next()?, next()?, next()?, next()?);
        Some(Self {
            epoch: Epoch(epoch),
            head: Position(head),
            owner: OwnerId(u128::from_be_bytes(row.try_into().ok()?)),
            watermarks: Watermarks { applied: Position(applied), settled: Position(settled) },
            trimmed: Position(trimmed),
        })
    }
}

/// Two numbers: (seq, ts) of a dedup row, (count, ts) of the commit row.
pub(super) fn two(first: u64, second: u64) -> [u8; 16] {
    let mut row = [0; 16];
    row[..8].copy_from_slice(&first.to_be_bytes());
    row[8..].copy_from_slice(&second.to_be_bytes());
    row
}

pub(super) fn parse_two(mut row: &[u8]) -> Option<(u64, u64)> {
    let both = (number(&mut row)?, number(&mut row)?);
    row.is_empty().then_some(both)
}

pub(super) fn parse_stored(row: &[u8]) -> Option<Stored> {
    parse_two(row).map(|(seq, ts)| Stored { seq: Seq(seq), ts })
}

pub(super) fn parse_one(mut row: &[u8]) -> Option<u64> {
    let one = number(&mut row)?;
    row.is_empty().then_some(one)
}

/// A member's marks: delivered, read, ts.
pub(super) fn mark(delivered: Seq, read: Seq, ts: u64) -> Vec<u8> {
    [delivered.0.to_be_bytes(), read.0.to_be_bytes(), ts.to_be_bytes()].concat()
}

pub(super) fn parse_mark(user: UserId, mut row: &[u8]) -> Option<Mark> {
    Some(Mark { user, delivered: Seq(number(&mut row)?), read: Seq(number(&mut row)?), ts: number(&mut row)? })
}

/// A register: version, whether there is a value, the value. A removed one leaves its version behind, so that a writer who saw
/// the value before the removal does not take a later one for it.
pub(super) fn register(version: u64, value: Option<&[u8]>) -> Vec<u8> {
    let mut row = version.to_be_bytes().to_vec();
    row.push(u8::from(value.is_some()));
    row.extend_from_slice(value.unwrap_or_default());
    row
}

pub(super) fn parse_register(mut row: &[u8]) -> Option<(u64, Option<Versioned>)> {
    let version = number(&mut row)?;
    match row.split_first()? {
        (1, value) => Some((version, Some(Versioned { version, value: bytes::Bytes::copy_from_slice(value) }))),
        (0, []) => Some((version, None)),
        _ => None,
    }
}

/// One membership, stored by conversation with the role, and by user without.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MembershipRow {
    #[prost(uint64, tag = "1")]
    pub(super) joined: u64,
    #[prost(uint64, optional, tag = "2")]
    pub(super) left: Option<u64>,
    #[prost(uint32, tag = "3")]
    pub(super) role: u32,
}

impl MembershipRow {
    pub(super) fn role(&self) -> Option<Role> {
        Role::from_number(self.role)
    }
}

/// A conversation's facts.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConversationFacts {
    #[prost(uint32, tag = "1")]
    pub(super) kind: u32,
    #[prost(string, optional, tag = "2")]
    pub(super) title: Option<String>,
    #[prost(uint64, tag = "3")]
    pub(super) created: u64,
    #[prost(string, tag = "4")]
    pub(super) creator: String,
    #[prost(uint64, optional, tag = "5")]
    pub(super) retention_age_seconds: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(super) retention_entries: Option<u64>,
    #[prost(uint64, tag = "7")]
    pub(super) version: u64,
}

impl ConversationFacts {
    pub(super) fn of(row: &ConversationRow) -> Self {
        Self {
            kind: row.kind as u32,
            title: row.title.clone(),
            created: row.created,
            creator: row.creator.as_str().to_owned(),
            retention_age_seconds: row.retention_age_seconds,
            retention_entries: row.retention_entries,
            version: row.version.0,
        }
    }

    pub(super) fn kind(&self) -> Option<ConversationKind> {
        ConversationKind::from_number(self.kind)
    }

    pub(super) fn into_row(self) -> Option<ConversationRow> {
        Some(ConversationRow {
            kind: self.kind()?,
            title: self.title,
            created: self.created,
            creator: UserId::parse(&self.creator).ok()?,
            retention_age_seconds: self.retention_age_seconds,
            retention_entries: self.retention_entries,
            version: Seq(self.version),
        })
    }
}

/// The device id within a (user, device) key.
pub(super) fn device_of(key: &[u8]) -> Option<DeviceId> {
    super::keys::device(super::keys::parse_pair(key)?.1)
}

fn number(row: &mut &[u8]) -> Option<u64> {
    let (front, rest) = row.split_first_chunk::<8>()?;
    *row = rest;
    Some(u64::from_be_bytes(*front))
}
