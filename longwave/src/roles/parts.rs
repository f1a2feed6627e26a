//! From settings to the settings of each part. The parts know nothing of files, variables and flags.

use std::sync::Arc;
use std::time::Duration;

use longwave_bridge::{BridgeSettings, DirectPolicy, UnknownPeers};
use longwave_broker::limits::Limits;
use longwave_feed::FeedSettings;
use longwave_persistence::embedded::RetentionPolicy;
use longwave_settings::Settings;

pub(super) fn retention(settings: &Settings) -> RetentionPolicy {
    let limit = |number: u64| (number > 0).then_some(number);
    RetentionPolicy { age_seconds: limit(settings.retention.age_seconds), entries: limit(settings.retention.entries) }
}

pub(super) fn limits(settings: &Settings, plain_topics: bool) -> Arc<Limits> {
    let limits = &settings.limits;
    Arc::new(Limits {
        connections: limits.connections,
        connect_packet_bytes: limits.connect_packet_bytes,
        packet_bytes: limits.packet_bytes,
        receive_maximum: limits.receive_maximum,
        in_flight: limits.in_flight,
        topic_aliases_in: limits.topic_aliases_in,
        topic_aliases_out: limits.topic_aliases_out,
        subscriptions: limits.subscriptions,
        connect_seconds: limits.connect_seconds,
        keep_alive_max_seconds: limits.keep_alive_max_seconds,
        session_expiry_max_seconds: limits.session_expiry_max_seconds,
        answer_seconds: limits.answer_seconds,
        write_buffer_bytes: limits.write_buffer_bytes,
        accepts_per_second: limits.accepts_per_second,
        connects_per_second_and_address: limits.connects_per_second_and_address,
        failed_logins_per_minute_and_address: limits.failed_logins_per_minute_and_address,
        publishes_per_second: limits.publishes_per_second,
        bytes_per_second: limits.bytes_per_second,
        plain_topics,
        response_information: settings.plain.response_information.clone().filter(|_| plain_topics),
        server_reference: settings.drain.server_reference.clone(),
    })
}

/// Limits of the internal listener: few clients, large packets.
pub(super) fn internal_limits(settings: &Settings) -> Arc<Limits> {
    Arc::new(Limits {
        packet_bytes: (4 << 20).max(4 * settings.limits.packet_bytes),
        write_buffer_bytes: 4 << 20,
        subscriptions: 1,
        keep_alive_max_seconds: 10,
        ..Limits::default()
    })
}

pub(super) fn bridge(settings: &Settings, dev: bool) -> BridgeSettings {
    let conversations = &settings.conversations;
    BridgeSettings {
        group_members: conversations.group_members,
        direct: match conversations.direct {
            longwave_settings::DirectPolicy::Anyone => DirectPolicy::Anyone,
            longwave_settings::DirectPolicy::SharedGroup => DirectPolicy::SharedGroup,
            longwave_settings::DirectPolicy::NobodyNew => DirectPolicy::NobodyNew,
        },
        unknown_peers: if dev { UnknownPeers::Allowed } else { UnknownPeers::Refused },
        body_bytes: conversations.body_bytes,
        queue_bytes: conversations.queue_bytes,
        dedup_entries: conversations.dedup_entries,
        cached_conversations: conversations.cached_conversations,
        user_rate: conversations.user_rate,
        append_entries: conversations.append_entries,
        append_bytes: conversations.append_bytes,
        resend_entries: conversations.resend_entries,
        session_entries: conversations.session_entries,
        queued_requests: conversations.queued_requests,
        page_entries: conversations.page_entries,
        page_bytes: conversations.page_bytes,
        list_conversations: conversations.list_conversations,
        push_apps: super::push::apps(&settings.push),
        ..BridgeSettings::default()
    }
}

pub(super) fn feed(settings: &Settings, plain_topics: bool) -> FeedSettings {
    let feed = &settings.feed;
    FeedSettings {
        page_entries: feed.page_entries,
        page_bytes: feed.page_bytes,
        live_entries: feed.live_entries,
        remembered_conversations: feed.remembered_conversations,
        events: feed.events,
        concurrent_pages: feed.concurrent_pages,
        subscriptions: settings.limits.subscriptions,
        mark_members: feed.mark_members,
        presence_people: feed.presence_people,
        flush_interval: Duration::from_millis(feed.flush_millis),
        compare_interval: Duration::from_secs(feed.compare_seconds),
        presence_interval: Duration::from_secs(feed.presence_seconds),
        plain_topics,
        ..FeedSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_agree_with_those_of_the_parts() {
        let settings = Settings::default();
        assert_eq!(format!("{:?}", *limits(&settings, false)), format!("{:?}", Limits::default()));
        assert_eq!(bridge(&settings, false), BridgeSettings::default());
        assert_eq!(format!("{:?}", feed(&settings, false)), format!("{:?}", FeedSettings::default()));
    }
}
