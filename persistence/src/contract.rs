//! One set of tests that every backend must pass.
//!
//! A backend's test file implements [`Backend`] and calls [`contract_tests!`](crate::contract_tests). Nothing in here knows what a
//! backend is made of; what only one of them promises is tested beside it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "these are tests")]
#![allow(missing_docs, reason = "the names of the tests say it")]

pub mod devices;
pub mod fence;
pub mod logs;
pub mod membership;
pub mod pushes;
pub mod registers;
pub mod sample;

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::Store;

/// A store under test, with whatever keeps it alive.
#[async_trait]
pub trait Backend: Send {
    /// The store as it is open now.
    fn store(&self) -> Arc<dyn Store>;

    /// Ends the process that uses it, as far as that can be played, and opens it again.
    async fn restart(&mut self);

    /// Removes what the test made, where that does not go by itself.
    async fn end(self: Box<Self>) {}
}

/// Declares all tests of the contract; the argument is an async function that makes a fresh [`Backend`], or nothing where its engine
/// is not there (it has said so then).
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!($open;
            fence::an_append_counts_positions
            fence::a_zombie_appends_nothing
            fence::a_wrong_head_appends_nothing
            fence::of_two_racing_owners_one_wins_each_position
            fence::an_empty_append_moves_watermarks
            fence::watermarks_never_fall
            fence::a_restart_keeps_the_fence
            fence::trimmed_rows_stay_away
            fence::trimming_stops_at_the_watermarks
            fence::shards_do_not_touch_each_other
            fence::the_last_commit_is_from_before_the_start
            logs::an_entry_comes_back_as_it_was
            logs::pages_run_both_ways
            logs::a_page_has_limits
            logs::a_page_ends_at_the_head
            logs::an_expired_entry_is_covered_and_absent
            logs::every_view_of_an_entry_is_stored
            logs::dedup_knows_the_first_attempt
            logs::an_expired_entry_keeps_its_dedup_row
            membership::creation_makes_members_and_inboxes
            membership::leaving_and_joining_again
            membership::a_role_changes
            membership::facts_change_one_by_one
            membership::an_inbox_follows_the_head
            membership::a_channel_raises_no_inbox
            membership::becoming_a_channel_marks_the_inboxes
            devices::cursors_only_rise
            devices::marks_only_rise
            devices::a_session_comes_back_as_it_was
            devices::a_session_that_moved_on_is_not_overwritten
            devices::a_clean_start_replaces_all_cursors
            devices::ending_a_session_takes_its_cursors
            devices::a_device_named_like_the_start_of_another_is_another
            pushes::a_push_record_comes_back_as_it_was
            pushes::only_a_later_push_replaces_a_record
            pushes::push_records_are_of_one_user_and_ordered
            pushes::push_records_outlive_the_session
            registers::versions_count_up
            registers::only_one_writer_wins
            registers::a_removed_register_does_not_come_back_under_its_old_version
            registers::scans_are_ordered_and_bounded
        );
    };
    ($open:path; $($module:ident :: $test:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let Some(mut backend) = $open().await else { return };
            $crate::contract::$module::$test(&mut backend).await;
            $crate::contract::Backend::end(Box::new(backend)).await;
        })*
    };
}
