//! A server behind TLS, with a certificate of an authority that no machine knows.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use clawback_tests::openssl;
use clawback_tests::served::Served;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::site;

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_configured_by_a_file() {
    let site = site();
    let served = Served::start(&site.admin, &["--no-worker", "--behind-tls"]);
    let folder = site.folder.path();
    openssl::write_certificates(folder).unwrap();
    let front = front(folder, served.socket()).await;
    let far = site.admin.through(&format!("https://localhost:{}", front.port()));
    let file = |name: &str| folder.join(name).display().to_string();
    let (authority, other) = (file("authority.pem"), file("server.key"));
    let asked = tokio::task::spawn_blocking(move || {
        let unknown = far.fails(1, &["history"]);
        assert!(unknown.contains("cannot be reached") && unknown.contains("ertificate"), "{unknown}");
        far.ok(&["history", "--server-ca", &authority]);
        let output = far.command(&["history"]).env("CLAWBACK_SERVER_CA", &authority).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let missing = far.fails(2, &["history", "--server-ca", "/no/such.pem"]);
        assert!(missing.contains("--server-ca `/no/such.pem` cannot be read"), "{missing}");
        let none = far.fails(2, &["history", "--server-ca", &other]);
        assert!(none.contains("no certificate"), "{none}");
    });
    asked.await.unwrap();
}

/// Terminates TLS, as a proxy in front of `clawback serve` does.
async fn front(folder: &Path, behind: SocketAddr) -> SocketAddr {
    let chain: Vec<_> = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else { return };
                let mut far = TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}
