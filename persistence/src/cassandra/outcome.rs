//! What an error says about a compare-and-set: certainly not done, or unknown (protocol rule 1).
//!
//! Certain is only what is wrong with the statement itself. *Unavailable* and *Overloaded* are not: with Paxos v2 a statement may be tried anew after
//! a ballot that was already accepted somewhere. A statement that never left, because no node could be reached, is called unknown too,
//! although it is not: a certain refusal reaches the senders, and a device that gets one takes its message for lost; unknown makes
//! them wait until a node answers again.

use scylla::errors::{DbError, ExecutionError, RequestAttemptError};

use crate::error::StoreError;
use crate::journal::Outcome;

/// The outcome of an append whose statement failed so.
pub(super) fn outcome_of(error: &ExecutionError) -> Outcome {
    let reason = StoreError::Unavailable(format!("appending to table journal on Cassandra: {error}").into());
    if is_certain(error) { Outcome::Rejected(reason) } else { Outcome::Unknown(reason) }
}

fn is_certain(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::BadQuery(_) => true,
        ExecutionError::LastAttemptError(attempt) => matches!(
            attempt,
            RequestAttemptError::SerializationError(_)
                | RequestAttemptError::CqlRequestSerialization(_)
                | RequestAttemptError::DbError(DbError::SyntaxError | DbError::Invalid | DbError::Unauthorized, _)
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scylla::errors::{DbError, ExecutionError, RequestAttemptError, WriteType};
    use scylla::statement::Consistency;

    use super::outcome_of;
    use crate::journal::Outcome;

    fn answered(error: DbError) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()))
    }

    #[test]
    fn only_what_is_wrong_with_the_statement_is_certain() {
        let timeout = DbError::WriteTimeout {
            consistency: Consistency::Serial,
            received: 1,
            required: 2,
            write_type: WriteType::Cas,
        };
        let unavailable = DbError::Unavailable { consistency: Consistency::Serial, required: 2, alive: 1 };
        for unknown in [
            answered(timeout),
            answered(unavailable),
            answered(DbError::Overloaded),
            answered(DbError::ServerError),
            ExecutionError::RequestTimeout(Duration::from_secs(1)),
        ] {
            assert!(matches!(outcome_of(&unknown), Outcome::Unknown(_)), "{unknown}");
        }
        let waits = ExecutionError::EmptyPlan;
        assert!(matches!(outcome_of(&waits), Outcome::Unknown(_)), "nobody is refused because no node is there");
        let certain = answered(DbError::Invalid);
        assert!(matches!(outcome_of(&certain), Outcome::Rejected(_)), "{certain}");
    }
}
