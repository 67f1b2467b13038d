//! The process of an etcd: started on its ports and its data, stopped, frozen, and never outlived.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use tokio::net::TcpSocket;
use tokio::process::{Child, Command};

use super::place;
use crate::envoy::Log;
use crate::patience::patiently;

/// A port that stays ours while no etcd listens there: who connects then is refused.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    /// Bound but never listening; etcd may bind the same since both say that it may be reused.
    _reservation: TcpSocket,
}

impl Port {
    pub(super) fn reserve() -> io::Result<Self> {
        let reservation = TcpSocket::new_v4()?;
        reservation.set_reuseaddr(true)?;
        reservation.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { address: reservation.local_addr()?, _reservation: reservation })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A running etcd; dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: Log,
}

/// How it is started.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) client: SocketAddr,
    pub(super) peer: SocketAddr,
    pub(super) data: &'a Path,
    /// The folder of what it proves with who it is, and by which it judges who asks.
    pub(super) certificates: Option<&'a Path>,
    pub(super) further: &'a [String],
}

impl Process {
    /// Starts it, and waits until it serves.
    pub(super) async fn start(plan: &Plan<'_>) -> io::Result<Self> {
        let mut child = plan.command()?.spawn()?;
        let log = Log::follow(child.stderr.take().expect("a piped stderr"));
        tokio::select! {
            _ = log.wait_for(|line| line.contains("serving client traffic")) => {}
            status = child.wait() => {
                log.ended().await;
                let mut lines = log.lines();
                let last = lines.split_off(lines.len().saturating_sub(20));
                return Err(io::Error::other(format!("etcd ended ({})\n{}", status?, last.join("\n"))));
            }
        }
        Ok(Self { child, log })
    }

    /// Kills it, as a machine that fails does, and waits until it is gone.
    pub(super) async fn kill(mut self) -> io::Result<()> {
        self.child.start_kill()?;
        patiently("the end of etcd", self.child.wait()).await?;
        Ok(())
    }

    pub(super) async fn signal(&self, signal: &str) -> io::Result<()> {
        let pid = self.child.id().ok_or_else(|| io::Error::other("etcd has ended"))?;
        let status = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        status.success().then_some(()).ok_or_else(|| io::Error::other("no signal for etcd"))
    }

    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    pub(super) const fn log(&self) -> &Log {
        &self.log
    }
}

impl Plan<'_> {
    fn command(&self) -> io::Result<Command> {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        let (client, peer) =
            (format!("{scheme}://{}", self.client), format!("http://{}", self.peer));
        let mut command = Command::new(place::etcd()?);
        command.arg("--data-dir").arg(self.data);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}")]);
        command.args(["--logger", "zap", "--log-outputs", "stderr"]).args(self.further);
        if let Some(folder) = self.certificates {
            command.arg("--cert-file").arg(folder.join("etcd.pem"));
            command.arg("--key-file").arg(folder.join("etcd.key"));
            command.arg("--trusted-ca-file").arg(folder.join("ca.pem")).arg("--client-cert-auth");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Ok(command)
    }
}
