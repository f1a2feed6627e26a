//! Retained messages and wills as the router has them, kept as rows of the store.

use std::sync::Arc;

use async_trait::async_trait;
use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_persistence::{MessageRow, Plain, PropertyRow, StoreError, WillRow};
use longwave_port::{PlainMessage, PlainStore, PublishProperties, Sender, StoredWill, Will};
use tracing::warn;

/// The rows of a store.
pub(crate) struct PlainRows<S>(pub(crate) Arc<S>);

#[async_trait]
impl<S: Plain> PlainStore for PlainRows<S> {
    async fn retained(&self) -> Result<Vec<PlainMessage>, Refusal> {
        Ok(self.0.retained().await.map_err(refusal)?.into_iter().filter_map(message).collect())
    }

    async fn retain(&self, changes: Vec<(Arc<str>, Option<Arc<PlainMessage>>)>) -> Result<(), Refusal> {
        let rows = changes.iter().map(|(topic, kept)| (topic.to_string(), kept.as_deref().map(row))).collect();
        self.0.retain(rows).await.map_err(refusal)
    }

    async fn wills(&self) -> Result<Vec<StoredWill>, Refusal> {
        Ok(self.0.wills().await.map_err(refusal)?.into_iter().filter_map(stored_will).collect())
    }

    async fn put_will(&self, stored: StoredWill) -> Result<(), Refusal> {
        let StoredWill { user, device, expiry_seconds, will } = stored;
        let from = Sender { user: user.clone(), device: device.clone(), service: false, incarnation: 0, connection: 0 };
        let message = PlainMessage {
            topic: will.topic,
            payload: will.payload,
            qos: will.qos,
            retain: will.retain,
            from: Arc::new(from),
            expires_at: None,
            properties: will.properties,
        };
        let will = WillRow { message: row(&message), delay_seconds: will.delay_seconds, expiry_seconds };
        self.0.put_will(&user, &device, Some(will)).await.map_err(refusal)
    }

    async fn drop_will(&self, user: &UserId, device: &DeviceId) -> Result<(), Refusal> {
        self.0.put_will(user, device, None).await.map_err(refusal)
    }
}

pub(crate) fn row(message: &PlainMessage) -> MessageRow {
    let properties = message.properties.as_deref().cloned().unwrap_or_default();
    MessageRow {
        topic: message.topic.to_string(),
        payload: message.payload.clone(),
        qos: u32::from(message.qos),
        retain: message.retain,
        user: message.from.user.to_string(),
        device: message.from.device.to_string(),
        expires_at: message.expires_at,
        content_type: properties.content_type,
        correlation_data: properties.correlation_data,
        response_topic: properties.response_topic,
        utf8_payload: properties.utf8_payload,
        user_properties: properties
            .user_properties
            .into_iter()
            .map(|(name, value)| PropertyRow { name, value })
            .collect(),
        expiry_seconds: properties.expiry_seconds,
    }
}

/// A row as a message. One by somebody whose name would not be valid any more is left out.
pub(crate) fn message(row: MessageRow) -> Option<PlainMessage> {
    let (user, device) = (UserId::parse(&row.user), DeviceId::parse(&row.device));
    let (Ok(user), Ok(device)) = (user, device) else {
        warn!("a stored message of an unknown kind of user is left out");
        return None;
    };
    let properties = PublishProperties {
        content_type: row.content_type,
        correlation_data: row.correlation_data,
        response_topic: row.response_topic,
        expiry_seconds: row.expiry_seconds,
        utf8_payload: row.utf8_payload,
        user_properties: row.user_properties.into_iter().map(|one| (one.name, one.value)).collect(),
    };
    Some(PlainMessage {
        topic: row.topic.into(),
        payload: row.payload,
        qos: u8::try_from(row.qos.min(2)).unwrap_or(2),
        retain: row.retain,
        from: Arc::new(Sender { user, device, service: false, incarnation: 0, connection: 0 }),
        expires_at: row.expires_at,
        properties: (properties != PublishProperties::default()).then(|| Box::new(properties)),
    })
}

fn stored_will(row: WillRow) -> Option<StoredWill> {
    let message = message(row.message)?;
    Some(StoredWill {
        user: message.from.user.clone(),
        device: message.from.device.clone(),
        expiry_seconds: row.expiry_seconds,
        will: Will {
            topic: message.topic,
            payload: message.payload,
            qos: message.qos,
            retain: message.retain,
            delay_seconds: row.delay_seconds,
            properties: message.properties,
        },
    })
}

pub(crate) fn refusal(error: StoreError) -> Refusal {
    let code = match error {
        StoreError::DiskFull { .. } => ErrorCode::DiskFull,
        _ => ErrorCode::StoreUnavailable,
    };
    Refusal::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_and_wills_are_the_same_after_the_store() {
        let properties = PublishProperties {
            content_type: Some("text/plain".into()),
            correlation_data: Some(vec![0, 255].into()),
            response_topic: Some("to/me".into()),
            expiry_seconds: Some(60),
            utf8_payload: Some(true),
            user_properties: vec![("a".into(), "b".into())],
        };
        let sender = Sender {
            user: UserId::parse("alice").unwrap(),
            device: DeviceId::parse("phone").unwrap(),
            service: false,
            incarnation: 0,
            connection: 0,
        };
        let original = PlainMessage {
            topic: "a/b".into(),
            payload: "hello".into(),
            qos: 2,
            retain: true,
            from: Arc::new(sender),
            expires_at: Some(7),
            properties: Some(Box::new(properties)),
        };
        assert_eq!(message(row(&original)), Some(original.clone()));
        let bare = PlainMessage { properties: None, expires_at: None, ..original };
        assert_eq!(message(row(&bare)), Some(bare));
    }
}
