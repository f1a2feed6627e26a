//! Why a bridge has no connection to a broker, in words for an operator.

use longwave_model::ErrorCode;
use rumqttc::v5::ConnectionError;
use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;

/// Why a bridge has no connection to a broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error("it cannot be reached: {0}")]
    Away(String),
    /// The broker's certificate is not trusted, or what answers speaks no TLS.
    #[error("TLS: {0}")]
    Tls(String),
    /// The broker does not know the secret.
    #[error("it refuses the secret; link.secret_file must be the same for brokers and bridges")]
    Secret,
    /// The connection ended before the broker accepted it, and TLS is not set.
    #[error("it ended the connection (it may take TLS alone, then set link.root_certificates): {0}")]
    Ended(String),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(String),
    /// Nothing can be tunnelled on this side.
    #[error("{0}")]
    Here(String),
}

impl ConnectError {
    /// The number of its page.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::BrokerUnreachable
    }

    /// From what the MQTT client says of a connection.
    pub(crate) fn of_client(error: &ConnectionError, was_accepted: bool, uses_tls: bool) -> Self {
        match error {
            ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            ) => Self::Secret,
            ConnectionError::Io(error) if !was_accepted && !uses_tls && is_nobody_there(error) => {
                Self::Away(error.to_string())
            }
            ConnectionError::ConnectionRefused(_) => Self::Lost(error.to_string()),
            _ if was_accepted || uses_tls => Self::Lost(error.to_string()),
            ConnectionError::Timeout(_) => Self::Away("no answer in time".to_owned()),
            _ => Self::Ended(error.to_string()),
        }
    }

    /// From a TLS handshake that failed.
    pub(crate) fn of_handshake(error: &std::io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                Self::Tls(format!("{error}; is its authority in link.root_certificates?"))
            }
            Some(rustls::Error::InvalidMessage(_)) => Self::Tls(format!("{error}; what answers does not speak TLS")),
            _ if !is_nobody_there(error) => {
                Self::Tls(format!("{error}; the broker may speak no TLS, for it has no link.certificate"))
            }
            _ => Self::Tls(error.to_string()),
        }
    }
}

/// Whether no connection was made, as against one that was ended.
fn is_nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
    !matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | InvalidData | UnexpectedEof)
}
