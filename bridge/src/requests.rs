//! Requests of a session are done one after another, in the order in which they came, each in a task of its session that ends when
//! none is left.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use longwave_envelope::{RpcId, decode_rpc, encode_rpc_error, encode_rpc_fault, encode_rpc_result};
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{Notice, Publish};
use longwave_topics::{Encoding, Topic, parse_topic, rpc_topic};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use crate::core::{Core, Failure};
use crate::lane::request::SessionKey;
use crate::reply::Reply;
use crate::verbs::{self, Asker};

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) publish: Publish,
    /// The user in the topic.
    pub(crate) user: UserId,
    pub(crate) encoding: Encoding,
    pub(crate) reply: Reply,
}

/// Requests that wait behind another of their session. A session is in here while its task runs.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<HashMap<SessionKey, VecDeque<Asked>, FxBuildHasher>>);

impl Core {
    /// Does a request, after those of its session that came before.
    pub(crate) fn ask(self: &Arc<Self>, asked: Asked) {
        let session = (asked.publish.sender.user.clone(), asked.publish.sender.device.clone());
        match self.requests.0.lock().entry(session.clone()) {
            Entry::Occupied(waiting) if waiting.get().len() >= self.settings.queued_requests => {
                asked.reply.refused(Refusal::new(ErrorCode::Overloaded, "too many requests of this session wait"));
                return;
            }
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push_back(asked);
                return;
            }
            Entry::Vacant(none) => {
                none.insert(VecDeque::new());
            }
        }
        let core = self.clone();
        self.runtime.spawn(async move {
            let mut next = Some(asked);
            while let Some(asked) = next {
                core.answer(asked).await;
                next = core.next_of(&session);
            }
        });
    }

    fn next_of(&self, session: &SessionKey) -> Option<Asked> {
        let mut requests = self.requests.0.lock();
        let next = requests.get_mut(session).and_then(VecDeque::pop_front);
        if next.is_none() {
            requests.remove(session);
        }
        next
    }

    async fn answer(self: &Arc<Self>, asked: Asked) {
        let Asked { publish, user, encoding, reply } = asked;
        let response = match ResponseTo::find(&publish, &user, encoding) {
            Ok(response) => response,
            Err(refusal) => return reply.refused(refusal),
        };
        let request = match decode_rpc(encoding, &publish.payload) {
            Ok(request) => request,
            Err(fault) => {
                self.stats.refused(fault.refusal.code);
                return reply.responded(Some(response.notice(encode_rpc_fault(response.encoding, &fault))), None);
            }
        };
        let device = (!publish.sender.service).then(|| publish.sender.device.clone());
        let lease = publish.route.map(|route| route.lease);
        let asker = Asker { user, device, sender: publish.sender, lease };
        // Apart, because one verb that panics shall not take the session's others with it.
        let core = self.clone();
        let (method, params) = (request.method, request.params);
        let done = self.runtime.spawn(async move { verbs::perform(&core, &asker, &method, params).await });
        let outcome = done.await.unwrap_or(Err(Failure::Unknown));
        let encode_error = |id: &RpcId, refusal: &Refusal| encode_rpc_error(response.encoding, id, refusal);
        match outcome {
            Ok(done) => {
                let payload = request.id.map(|id| encode_rpc_result(response.encoding, &id, &done.result));
                reply.responded(payload.map(|payload| response.notice(payload)), done.renewed_until);
            }
            Err(Failure::Refused(refusal)) => {
                self.stats.refused(refusal.code);
                let payload = request.id.map(|id| encode_error(&id, &refusal));
                reply.responded(payload.map(|payload| response.notice(payload)), None);
            }
            Err(Failure::Unknown) => reply.unknown(),
            Err(Failure::Moved) => reply.moved(),
        }
    }
}

/// Where a response goes.
struct ResponseTo {
    topic: String,
    encoding: Encoding,
    correlation_data: Option<bytes::Bytes>,
}

impl ResponseTo {
    fn find(publish: &Publish, user: &UserId, encoding: Encoding) -> Result<Self, Refusal> {
        let properties = publish.properties.as_deref();
        let correlation_data = properties.and_then(|properties| properties.correlation_data.clone());
        let Some(topic) = properties.and_then(|properties| properties.response_topic.as_deref()) else {
            return Ok(Self { topic: rpc_topic(user, encoding), encoding, correlation_data });
        };
        match parse_topic(topic) {
            Ok(Topic::Rpc { user: theirs, encoding }) if theirs == *user => {
                Ok(Self { topic: topic.to_owned(), encoding, correlation_data })
            }
            _ => {
                Err(Refusal::new(ErrorCode::NotYourTopic, "the response topic must be u/{user}/rpc/… of the same user"))
            }
        }
    }

    fn notice(&self, payload: bytes::Bytes) -> Notice {
        Notice { topic: self.topic.clone(), payload, correlation_data: self.correlation_data.clone() }
    }
}
