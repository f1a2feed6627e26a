//! Errors in the JSON of Google's APIs (google.rpc.Status with details).

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};

use crate::fake::call::answer;

/// An error as Google writes it.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: u16,
    /// `errorCode` of the `FcmError`, or `error.status` where there is none.
    pub(super) code: String,
    word: String,
    message: String,
    details: Vec<Value>,
    retry_after: Option<u64>,
}

impl Problem {
    /// One with an `FcmError`.
    pub(super) fn of_code(status: u16, code: &str, retry_after: Option<u64>) -> Self {
        let word = match code {
            "UNREGISTERED" => "NOT_FOUND",
            "SENDER_ID_MISMATCH" => "PERMISSION_DENIED",
            "QUOTA_EXCEEDED" => "RESOURCE_EXHAUSTED",
            "THIRD_PARTY_AUTH_ERROR" => "UNAUTHENTICATED",
            other => other,
        };
        let details = vec![json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})];
        let message = match code {
            "UNREGISTERED" => "Requested entity was not found.",
            _ => "Refused by script.",
        };
        Self { status, code: code.into(), word: word.into(), message: message.into(), details, retry_after }
    }

    /// One without details.
    pub(super) fn bare(status: u16, word: &str) -> Self {
        Self {
            status,
            code: word.into(),
            word: word.into(),
            message: "Refused.".into(),
            details: Vec::new(),
            retry_after: None,
        }
    }

    /// INVALID_ARGUMENT, with the field at fault.
    pub(super) fn invalid(field: &str, message: &str) -> Self {
        let mut problem = Self::of_code(400, "INVALID_ARGUMENT", None);
        problem.message = message.into();
        problem.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": message}],
        }));
        problem
    }

    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        let mut error = json!({"code": self.status, "message": self.message, "status": self.word});
        if !self.details.is_empty() {
            error["details"] = self.details.clone().into();
        }
        let seconds = self.retry_after.map(|seconds| seconds.to_string());
        let mut headers = vec![("content-type", "application/json; charset=UTF-8")];
        headers.extend(seconds.iter().map(|seconds| ("retry-after", seconds.as_str())));
        answer(self.status, &headers, Some(&json!({"error": error})))
    }
}
