//! The lane against a store that misbehaves: every answer must be true whatever the outcome of the append.

mod behind;
mod channel;
mod embedded;
mod hand_over;
mod handed_over;
mod mishaps;
mod order;
mod retries;
mod takeover;
