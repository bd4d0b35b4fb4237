//! Dials a mail server: resolve, gate, connect, TLS. Gives a byte stream and nothing else.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use rustls::InvalidMessage;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::TlsMode;
use crate::gate::{self, Reach};
use crate::stream::StreamFailure;
use crate::trust::{self, NotTrusted};

/// A connection of any kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Where to, and how protected.
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: TlsMode,
    pub(crate) reach: Reach,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) connector: TlsConnector,
    pub(crate) connect_timeout: Duration,
}

impl Target {
    /// A TCP connection to an address that passed the gate.
    pub(crate) async fn connect(&self) -> Result<TcpStream, StreamFailure> {
        let connect = async {
            let addresses = gate::resolve(&self.host, self.port, self.reach).await.map_err(|error| match error {
                gate::GateError::NotPublic { .. } => StreamFailure::Denied(error.to_string()),
                _ => StreamFailure::Closed(error.to_string()),
            })?;
            let mut last = None;
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        stream.set_nodelay(true).map_err(|error| self.unreachable(&error))?;
                        return Ok(stream);
                    }
                    Err(error) => last = Some(error),
                }
            }
            Err(self.unreachable(&last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
        };
        timeout(self.connect_timeout, connect).await.map_err(|_| StreamFailure::TimedOut)?
    }

    /// TLS over it. The certificate must be for the configured name.
    pub(crate) async fn protect(&self, stream: Box<dyn Duplex>) -> Result<Box<dyn Duplex>, StreamFailure> {
        let handshake = self.connector.connect(self.server_name.clone(), stream);
        match timeout(self.connect_timeout, handshake).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(self.handshake_failed(&error)),
            Err(_) => Err(StreamFailure::TimedOut),
        }
    }

    fn handshake_failed(&self, error: &io::Error) -> StreamFailure {
        let (host, port) = (&self.host, self.port);
        let Some(reason) = of_tls(error) else {
            return StreamFailure::Dropped(format!("TLS with {host}:{port} failed: {error}"));
        };
        if let Some(refused) = trust::refused(reason) {
            return StreamFailure::Untrusted(self.untrusted(refused));
        }
        match reason {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if self.tls == TlsMode::Implicit => {
                StreamFailure::Untrusted(format!(
                    "{host}:{port} does not speak TLS from the first byte; write `tls = \"starttls\"`, or the port that \
                     does (993, as a rule)"
                ))
            }
            other => StreamFailure::Untrusted(format!("TLS with {host}:{port} failed: {other}")),
        }
    }

    fn untrusted(&self, refused: &NotTrusted) -> String {
        let NotTrusted { why, sha256, is_pinned } = refused;
        let (host, port) = (&self.host, self.port);
        let cure = if *is_pinned {
            "if it was replaced on purpose, pin that with `pin-sha256`".to_owned()
        } else {
            "put its authority, or a self-signed certificate itself, into `ca-file`, or pin it with `pin-sha256`"
                .to_owned()
        };
        format!("the certificate of {host}:{port} is not trusted: {why} (sha256 {sha256}); {cure}")
    }

    /// Whether the port speaks TLS from the first byte. For a server that does not greet.
    pub(crate) async fn speaks_tls(&self) -> bool {
        let Ok(stream) = self.connect().await else { return false };
        match timeout(self.connect_timeout, self.connector.connect(self.server_name.clone(), stream)).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => of_tls(&error).is_some_and(|reason| {
                matches!(reason, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))
            }),
            Err(_) => false,
        }
    }

    /// Why nothing came where a greeting in the clear was expected.
    pub(crate) fn expects_tls(&self) -> String {
        let mode = if self.tls == TlsMode::Starttls { "starttls" } else { "none" };
        format!(
            "{}:{} speaks TLS from the first byte, but `tls = \"{mode}\"` is set; write `tls = \"implicit\"`, or the port \
             for plain connections (143, as a rule)",
            self.host, self.port
        )
    }

    fn unreachable(&self, error: &io::Error) -> StreamFailure {
        let why = format!("cannot connect to {}:{}: {error}", self.host, self.port);
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => StreamFailure::Dropped(why),
            _ => StreamFailure::Closed(why),
        }
    }
}

/// The reason of an error of TLS, rather than of the connection beneath it.
pub(crate) fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// An address written by the operator is granted by being written; a name is not.
pub(crate) fn reach(host: &str, allow_private: bool) -> Reach {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if allow_private || bare.parse::<IpAddr>().is_ok() { Reach::Private } else { Reach::Public }
}
