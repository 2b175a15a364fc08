//! What a network's options change of translation.

use crate::{
    oracle::with_netd,
    site::{Family, Host, Neighbour, Remote, Site, V4, V6},
};
use anyhow::{Result, ensure};
use netd::kernel::netns::Namespace;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};

/// A network with these options and two containers, gone with the value.
pub(super) struct Network<'a> {
    site: &'a Site,
    pub(super) containers: [Namespace; 2],
}

const NAMES: [&str; 2] = ["optional-1", "optional-2"];

impl<'a> Network<'a> {
    pub(super) fn new(site: &'a Site, options: &[&str]) -> Result<Self> {
        let options: Vec<&str> = options.iter().flat_map(|option| ["-o", option]).collect();
        let create = [&["network", "create", "--ipv6"][..], &options, &["optional"]].concat();
        site.lan.ok(&create)?;
        let [one, two] = NAMES.map(|name| {
            site.lan.idle(name, "optional")?;
            let pid = site.lan.ok(&["inspect", name, "--format", "{{.State.Pid}}"])?;
            anyhow::Ok(Namespace::of_pid(pid.parse()?)?)
        });
        Ok(Self { site, containers: [one?, two?] })
    }

    /// The IPv4 address of the second container.
    pub(super) fn second(&self) -> Result<IpAddr> {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        Ok(self.site.lan.ok(&["inspect", NAMES[1], "--format", format])?.parse()?)
    }

    fn udp(&self, container: usize, family: Family, port: u16) -> Result<UdpSocket> {
        Ok(self.containers[container].run(|| UdpSocket::bind((family.any(), port)))??)
    }

    pub(super) fn connect(&self, to: (IpAddr, u16)) -> Result<TcpStream> {
        Ok(self.containers[0].run(|| TcpStream::connect(to))??)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        let _ = self.site.lan.netctl(&[&["rm", "-f"][..], &NAMES].concat());
        let _ = self.site.lan.netctl(&["network", "rm", "optional"]);
    }
}

/// As whom a server sees a client's datagram.
fn seen(client: &UdpSocket, server: &UdpSocket, to: (IpAddr, u16)) -> Result<SocketAddr> {
    client.send_to(b"ask", to)?;
    Ok(server.recv_from(&mut [0; 9])?.1)
}

#[test]
fn rfc4787_req1_one_mapping_serves_every_destination() {
    with_netd(&[V4, V6], |site, family| {
        let network = Network::new(site, &["netd.nat_mapping=endpoint-independent"])?;
        let servers = [site.udp(Remote, family, 9801)?, site.udp(Neighbour, family, 9801)?];
        let to = [(family.at(Remote), 9801), (family.at(Neighbour), 9801)];
        let clients = [network.udp(0, family, 45_801)?, network.udp(1, family, 45_801)?];
        let own = SocketAddr::new(family.at(Host), 45_801);
        for (server, to) in servers.iter().zip(to) {
            let first = seen(&clients[0], server, to)?;
            ensure!(first == own, "the first one is seen as {first}");
        }
        // The port is taken, for every destination the same way.
        let second =
            [seen(&clients[1], &servers[0], to[0])?, seen(&clients[1], &servers[1], to[1])?];
        ensure!(second[0] == second[1], "the second one is seen as {second:?}");
        ensure!(second[0] != own, "both are seen as {own}");
        // And back.
        servers[1].send_to(b"answer", second[1])?;
        clients[1].set_read_timeout(Some(crate::station::PATIENCE))?;
        let (_, from) = clients[1].recv_from(&mut [0; 9])?;
        ensure!(from == SocketAddr::from(to[1]), "answered by {from}");
        Ok(())
    });
}

#[test]
fn a_network_may_leave_by_an_address_of_its_own() {
    with_netd(&[V4, V6], |site, family| {
        let (address, length, key) = if family == V4 {
            ("198.51.100.4", 24, "com.docker.network.host_ipv4")
        } else {
            ("2001:db8:1::4", 64, "com.docker.network.host_ipv6")
        };
        let nodad = if family == V6 { "nodad preferred_lft 0" } else { "" };
        site.must(Host, &format!("ip address add {address}/{length} dev eth0 {nodad}"))?;
        let outcome = || -> Result<SocketAddr> {
            let network = Network::new(site, &[&format!("{key}={address}")])?;
            let (client, server) =
                (network.udp(0, family, 45_802)?, site.udp(Remote, family, 9802)?);
            let as_whom = seen(&client, &server, (family.at(Remote), 9802))?;
            server.send_to(b"answer", as_whom)?;
            client.set_read_timeout(Some(crate::station::PATIENCE))?;
            client.recv_from(&mut [0; 9])?;
            Ok(as_whom)
        };
        let as_whom = outcome();
        site.must(Host, &format!("ip address del {address}/{length} dev eth0"))?;
        let as_whom = as_whom?;
        ensure!(as_whom.ip() == address.parse::<IpAddr>()?, "it is seen as {as_whom}");
        Ok(())
    });
}

#[test]
fn a_network_may_announce_smaller_segments() {
    with_netd(&[V4, V6], |site, family| {
        let network = Network::new(site, &["netd.mss=1100"])?;
        let server = site.listen(Remote, family, 9803)?;
        let _client = network.connect((family.at(Remote), 9803))?;
        let (accepted, _) = server.accept()?;
        let segment = socket2::SockRef::from(&accepted).tcp_mss()?;
        // Timestamps take twelve bytes of it.
        ensure!((1080..=1100).contains(&segment), "the server sends segments of {segment} bytes");
        Ok(())
    });
}
