//! Dials a mail server: resolve, gate, connect, TLS. Gives a byte stream and nothing else.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::TlsMode;
use crate::gate::{self, Reach};
use crate::stream::StreamFailure;

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
            Ok(Err(error)) => {
                Err(StreamFailure::Closed(format!("TLS with {}:{} failed: {error}", self.host, self.port)))
            }
            Err(_) => Err(StreamFailure::TimedOut),
        }
    }

    fn unreachable(&self, error: &io::Error) -> StreamFailure {
        StreamFailure::Closed(format!("cannot connect to {}:{}: {error}", self.host, self.port))
    }
}

/// Trust in the system's authorities, or in those of one file alone.
pub(crate) fn tls_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        let unreadable =
            |error: &dyn std::fmt::Display| format!("cannot read certificates from `{}`: {error}", path.display());
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(format!("`{}` holds no PEM certificate", path.display()));
        }
    } else {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
        if roots.is_empty() {
            return Err(
                "this machine has no trusted root certificates; install ca-certificates, or name a `ca-file`".into()
            );
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// An address written by the operator is granted by being written; a name is not.
pub(crate) fn reach(host: &str, allow_private: bool) -> Reach {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if allow_private || bare.parse::<IpAddr>().is_ok() { Reach::Private } else { Reach::Public }
}
