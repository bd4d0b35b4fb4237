//! A proxy that forwards a client's commands one by one, as a slow network does, and cuts connections at a given point.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Cuts the connection when the server has answered this many commands that contain the text.
pub(crate) type Cut = (&'static str, usize);

/// The changes to make to the server's answers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Orders {
    pub(crate) cut: Option<Cut>,
    /// Removes this text from every answer, up to the `]` and blank after it, as if the server did not send it.
    pub(crate) hide: Option<&'static str>,
}

/// Starts a proxy in front of this server. It ends with the process.
pub(crate) fn start(server: SocketAddr, orders: Orders) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let left = Arc::new(Mutex::new(orders.cut.map_or(0, |(_, times)| times)));
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { return };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let awaited = Arc::new(Mutex::new(None));
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (cut, told) = (orders.cut, Arc::clone(&awaited));
            thread::spawn(move || up(from, to, cut, &told));
            let (left, hide) = (Arc::clone(&left), orders.hide);
            thread::spawn(move || down(server, client, hide, &left, &awaited));
        }
    });
    address
}

fn up(client: TcpStream, mut server: TcpStream, cut: Option<Cut>, awaited: &Mutex<Option<String>>) {
    let mut lines = BufReader::new(client);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line);
        if cut.is_some_and(|(command, _)| text.contains(command)) {
            *awaited.lock().unwrap() = text.split(' ').next().map(|tag| format!("{tag} OK"));
        }
        if server.write_all(&line).is_err() {
            break;
        }
        line.clear();
        thread::sleep(Duration::from_micros(300));
    }
    let _ = server.shutdown(Shutdown::Both);
}

fn down(
    server: TcpStream,
    mut client: TcpStream,
    hide: Option<&str>,
    left: &Mutex<usize>,
    awaited: &Mutex<Option<String>>,
) {
    let mut lines = BufReader::new(server);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let mut text = String::from_utf8_lossy(&line).into_owned();
        if awaited.lock().unwrap().as_ref().is_some_and(|tag| text.starts_with(tag)) {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                break;
            }
        }
        if let Some((before, rest)) = hide.and_then(|hide| text.split_once(hide)) {
            let after = rest.split_once("] ").map_or(rest, |(_, after)| after);
            text = format!("{before}{after}");
            line = text.into_bytes();
        }
        if client.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = lines.get_ref().shutdown(Shutdown::Both);
}
