//! Dials a mail server: resolve, gate, connect, TLS. Returns only a byte stream.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rustls::InvalidMessage;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::TlsMode;
use crate::granted::failure::StreamFailure;
use crate::granted::gate::{self, Reach};
use crate::granted::trust::{self, NotTrusted};

/// How long an address is tried before the next one is tried concurrently.
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection of any kind.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The destination and its protection.
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
    /// Opens a TCP connection to an address that passed the gate.
    pub(crate) async fn connect(&self) -> Result<TcpStream, StreamFailure> {
        let connect = async {
            let addresses = gate::resolve(&self.host, self.port, self.reach).await.map_err(|error| match error {
                gate::GateError::NotPublic { .. } => StreamFailure::Denied(error.to_string()),
                _ => StreamFailure::Closed(error.to_string()),
            })?;
            let stream = first_of(addresses, TcpStream::connect).await.map_err(|error| self.unreachable(&error))?;
            stream.set_nodelay(true).map_err(|error| self.unreachable(&error))?;
            Ok(stream)
        };
        timeout(self.connect_timeout, connect).await.map_err(|_| StreamFailure::TimedOut)?
    }

    /// Starts TLS on it. The certificate must be for the configured name.
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

    /// Returns whether the port uses TLS from the first byte, for a server that sends no greeting.
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

    /// Returns the error for a port without an unencrypted greeting.
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

/// Connects to the first address that answers. The next is tried once one has failed or has not answered for a moment;
/// all attempts continue until one succeeds (RFC 8305). So an address that drops packets does not block the others.
async fn first_of<T, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut rest = addresses.into_iter();
    let mut under_way = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let next = rest.next();
        let is_last = next.is_none();
        under_way.extend(next.map(&connect));
        tokio::select! {
            tried = under_way.next() => match tried {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => last = error,
                None => return Err(last),
            },
            () = tokio::time::sleep(HEAD_START), if !is_last => {}
        }
    }
}

/// Returns the TLS error inside an I/O error, if it is one rather than an error of the connection.
pub(crate) fn of_tls(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Returns the reach: an address in the configuration is always granted; a name is not.
pub(crate) fn reach(host: &str, allow_private: bool) -> Reach {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if allow_private || bare.parse::<IpAddr>().is_ok() { Reach::Private } else { Reach::Public }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 993))
    }

    /// Simulates addresses by their last number: 0 refuses at once, 1 drops packets, others answer with their number.
    async fn answer(address: SocketAddr) -> io::Result<u8> {
        match address {
            SocketAddr::V4(address) if address.ip().octets()[3] == 0 => Err(io::ErrorKind::ConnectionRefused.into()),
            SocketAddr::V4(address) if address.ip().octets()[3] == 1 => std::future::pending().await,
            SocketAddr::V4(address) => Ok(address.ip().octets()[3]),
            SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_hides_none_behind_it() {
        for (addresses, reached) in [
            (vec![1, 7], Some(7)),
            (vec![1, 0, 1, 8], Some(8)),
            (vec![9, 1], Some(9)),
            (vec![0, 0], None),
            (vec![], None),
        ] {
            let found = first_of(addresses.iter().copied().map(address), answer);
            let found = timeout(Duration::from_secs(10), found).await.expect("the next address is tried");
            assert_eq!(found.ok(), reached, "{addresses:?}");
        }
        let refused = first_of([address(0)], answer).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "the reason is that of an address");
    }

    #[tokio::test]
    async fn a_server_behind_a_silent_address_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = address(1);
        let there = listener.local_addr().unwrap();
        let connect = |address| async move {
            if address == silent { std::future::pending().await } else { TcpStream::connect(address).await }
        };
        let stream = timeout(Duration::from_secs(10), first_of([silent, there], connect)).await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    }
}
