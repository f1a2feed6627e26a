//! The bus as a broker sees it: what other nodes send to this one.

use std::sync::Arc;

use longwave_model::NodeId;
use longwave_persistence::redis::{BusEvent, Redis};
use tracing::{debug, info};

use crate::frame::{Frame, Told};
use crate::neighbours::Local;

/// Takes what comes for this node, for ever.
pub async fn receive(redis: Redis, node: NodeId, local: Arc<dyn Local>) {
    let mut receiver = redis.subscribe(&node);
    loop {
        match receiver.next().await {
            BusEvent::Subscribed => {
                info!("the bus is connected");
                // What was sent before this moment came to nobody (protocol rule 17). Aside, so that messages go on meanwhile.
                let local = local.clone();
                tokio::spawn(async move { local.compare_all().await });
            }
            BusEvent::Lost => info!("the bus is lost; sessions compare once it is back"),
            BusEvent::Message(message) => match Frame::read(message) {
                Some(told) => take(&*local, told),
                None => debug!("a message of the bus cannot be read"),
            },
        }
    }
}

fn take(local: &dyn Local, told: Told) {
    match told {
        Told::Entry(entry, to) => local.bus().entry(&entry, &to),
        Told::Typing(typing) => local.bus().typing(typing),
        Told::Mark(mark) => local.bus().mark(mark),
        Told::Close(user, device) => local.close_moved(&user, &device),
        Told::Presence(users) => users.iter().for_each(|user| local.presence_changed(user)),
    }
}
