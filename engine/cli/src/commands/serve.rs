//! `clawback serve`: the Action Center, and a worker unless other nodes do the work.

use std::sync::Arc;

use clawback_action_center::{Bounds, Center, Settings};
use tokio::net::TcpListener;

use crate::agents;
use crate::args::{Global, ServeArgs, WorkerArgs};
use crate::config::Config;
use crate::descriptors;
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::version::version;

pub(crate) async fn run(global: &Global, args: ServeArgs) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::All).await?;
    session.api.may_work(&session.who)?;
    let address = args.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::misuse(format!("--listen {address}: {error}")).hint("choose another address or port")
    })?;
    let place = listener.local_addr()?;
    if !place.ip().is_loopback() && !args.behind_tls {
        return Err(Failure::misuse(format!(
            "{place} is not this machine alone, and passwords would travel in the clear"
        ))
        .hint("put a proxy with TLS in front of it and give --behind-tls, or listen on 127.0.0.1"));
    }
    let config = Config::find(global.config.as_deref())?;
    let oidc = config.oidc()?.map(Arc::new);
    let host = session.host.clone();
    let signs_in_elsewhere = oidc.is_some();
    let proxies = args.proxy.iter().map(std::net::IpAddr::to_canonical).collect();
    let center =
        Center::new(session.api.clone(), Settings { secure: args.behind_tls, proxies, oidc, host, version: version() });
    let bounds = Bounds::of(descriptors::for_connections(descriptors::raise(), &config));
    output::note(&format!("Action Center at http://{place}/"));
    if args.behind_tls && args.proxy.is_empty() {
        output::note("all who sign in share one limit: name the proxy (--proxy ADDR) for a limit by address");
    }
    if !signs_in_elsewhere && !session.site().history.has_accounts().await? {
        output::note(&format!("nobody has a password yet: clawback principals password {}", session.who.name));
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let agents = agents::http::service(&center);
    let serving = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        center.serve(listener, bounds, Some(agents), stopped).await;
    });
    let exit = if args.no_worker {
        super::worker::stop_asked().await;
        Exit::Done
    } else {
        super::worker::work(&session, &WorkerArgs { once: false, metrics: args.metrics }).await?
    };
    let _ = stop.send(());
    // Requests that are not answered by then are dropped.
    let _ = tokio::time::timeout(super::worker::DEADLINE, serving).await;
    Ok(exit)
}
