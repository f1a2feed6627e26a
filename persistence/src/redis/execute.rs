//! Sends commands: one pipeline to each master at the same time, redirections followed, everything within one time limit.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Cmd, Pipeline, Value};
use tokio::time::{Instant, timeout_at};

use super::Redis;
use super::error::RedisError;
use super::link::Link;
use super::open::Connection;
use super::request::{Request, Way};
use super::scripts::Script;

/// How often one command may be sent: to a wrong master, to the right one without its script, with it, and once more for a slot that moves.
const ROUNDS: usize = 5;

/// Commands under one time limit; a server does several times as many in a second.
const AT_ONCE: usize = 4096;

/// What a command answered.
pub(super) struct Answer {
    pub(super) value: Value,
    /// The server's clock just before, Unix time in milliseconds; 0 unless it was asked for.
    pub(super) millis: u64,
}

/// Commands for one server, sent in one go.
struct Batch {
    link: Arc<Link>,
    pipeline: Pipeline,
    /// For each answer of the pipeline, whose it is.
    places: Vec<Option<Sent>>,
    clocked: bool,
    scripts: Vec<&'static str>,
}

/// A command that was sent.
struct Sent {
    /// The number of its request.
    number: usize,
    slot: u16,
    script: Option<&'static Script>,
    way: Way,
}

impl Redis {
    /// Sends all and waits for all; the answers are in the order of the requests. The time limit holds for every 4,096 of them.
    ///
    /// # Errors
    /// [`RedisError`] when one of them failed; others may have been done.
    pub(super) async fn run(&self, requests: Vec<Request>) -> Result<Vec<Value>, RedisError> {
        let answers = self.noted(requests, false).await?;
        Ok(answers.into_iter().map(|answer| answer.value).collect())
    }

    /// The same, with the clock of each server.
    pub(super) async fn run_clocked(&self, requests: Vec<Request>) -> Result<Vec<Answer>, RedisError> {
        self.noted(requests, true).await
    }

    async fn noted(&self, requests: Vec<Request>, clocked: bool) -> Result<Vec<Answer>, RedisError> {
        let mut answers = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter().peekable();
        while requests.peek().is_some() {
            let result = Box::pin(self.send_all(requests.by_ref().take(AT_ONCE).collect(), clocked)).await;
            self.0.health.note(&result);
            answers.append(&mut result?);
        }
        Ok(answers)
    }

    async fn send_all(&self, requests: Vec<Request>, clocked: bool) -> Result<Vec<Answer>, RedisError> {
        let deadline = Instant::now() + self.0.settings.limit;
        let mut answers: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
        let mut waiting: Vec<(usize, Request, Way)> =
            requests.into_iter().enumerate().map(|(number, request)| (number, request, Way::default())).collect();
        for _ in 0..ROUNDS {
            let batches = self.batches(std::mem::take(&mut waiting), clocked, deadline).await?;
            let sent = batches.into_iter().map(|batch| self.send(batch, deadline));
            for outcome in join_all(sent).await {
                let (batch, values) = outcome?;
                self.sort(batch, values, &mut answers, &mut waiting)?;
            }
            if waiting.is_empty() {
                return answers.into_iter().collect::<Option<_>>().ok_or_else(|| RedisError::odd("complete pipeline"));
            }
        }
        Err(RedisError::Unavailable("the servers send commands to and fro between them".into()))
    }

    async fn batches(
        &self,
        waiting: Vec<(usize, Request, Way)>,
        clocked: bool,
        deadline: Instant,
    ) -> Result<Vec<Batch>, RedisError> {
        let router = &self.0.router;
        let map = router.map(deadline).await?;
        let mut batches: HashMap<Arc<str>, Batch> = HashMap::new();
        for (number, request, way) in waiting {
            let link = match &way.to {
                None => Arc::clone(map.master_of(request.slot).inspect_err(|_| router.doubt())?),
                Some(address) => router.link(address),
            };
            let batch = batches.entry(Arc::clone(&link.address)).or_insert_with(|| Batch::new(link, clocked));
            batch.push(number, request, way);
        }
        Ok(batches.into_values().collect())
    }

    async fn send(&self, batch: Batch, deadline: Instant) -> Result<(Batch, Vec<Value>), RedisError> {
        let address = &batch.link.address;
        let connection = batch.link.connection(deadline).await?;
        let Connection { mut driver, broken, .. } = connection.clone();
        let count = batch.places.len();
        match timeout_at(deadline, driver.send_packed_commands(&batch.pipeline, 0, count)).await {
            Ok(Ok(values)) if values.len() == count => Ok((batch, values)),
            Ok(Ok(_)) => Err(RedisError::odd("complete pipeline")),
            Ok(Err(error)) => {
                broken.notify_one();
                Err(RedisError::of_driver(address, &error))
            }
            Err(_) => {
                // It may be a dead peer that nobody tells us about.
                broken.notify_one();
                Err(RedisError::away(address, format_args!("no answer within {:?}", self.0.settings.limit)))
            }
        }
    }

    /// Puts answers in their places, and what has to be sent again back to those that wait.
    fn sort(
        &self,
        batch: Batch,
        values: Vec<Value>,
        answers: &mut [Option<Answer>],
        waiting: &mut Vec<(usize, Request, Way)>,
    ) -> Result<(), RedisError> {
        let millis = if batch.clocked { unix_millis(values.first()) } else { 0 };
        let address = &batch.link.address;
        for ((place, value), command) in batch.places.into_iter().zip(values).zip(batch.pipeline.cmd_iter()) {
            let Value::ServerError(error) = &value else {
                if let Some(sent) = place {
                    answers[sent.number] = Some(Answer { value, millis });
                }
                continue;
            };
            let again = place.and_then(|sent| Some((sent.way.after(address, error)?, sent)));
            let Some((way, sent)) = again else {
                if error.code() == "READONLY" {
                    // A master that was made a replica; the connection says nothing of it.
                    if let Some(connection) = batch.link.open_now() {
                        connection.broken.notify_one();
                    }
                }
                return Err(RedisError::of_server(address, error));
            };
            if way.to.is_some() && !way.asking {
                self.0.router.doubt();
            }
            let request = Request { slot: sent.slot, command: command.clone(), script: sent.script };
            waiting.push((sent.number, request, way));
        }
        Ok(())
    }
}

impl Batch {
    fn new(link: Arc<Link>, clocked: bool) -> Self {
        let mut batch = Self { link, pipeline: Pipeline::new(), places: Vec::new(), clocked, scripts: Vec::new() };
        if clocked {
            batch.add(None, redis::cmd("TIME"));
        }
        batch
    }

    fn push(&mut self, number: usize, request: Request, way: Way) {
        if let Some(script) = request.script
            && way.with_script
            && !self.scripts.contains(&script.source())
        {
            self.scripts.push(script.source());
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(script.source());
            self.add(None, load);
        }
        if way.asking {
            self.add(None, redis::cmd("ASKING"));
        }
        self.add(Some(Sent { number, slot: request.slot, script: request.script, way }), request.command);
    }

    fn add(&mut self, place: Option<Sent>, command: Cmd) {
        self.places.push(place);
        self.pipeline.add_command(command);
    }
}

/// The answer to TIME.
fn unix_millis(answer: Option<&Value>) -> u64 {
    let Some(Value::Array(time)) = answer else { return 0 };
    let number = |value: Option<&Value>| match value {
        Some(Value::BulkString(digits)) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
        _ => None,
    };
    let (seconds, micros) = (number(time.first()).unwrap_or(0), number(time.get(1)).unwrap_or(0));
    seconds.saturating_mul(1000).saturating_add(micros / 1000)
}
