//! Files for every kind of network.

use super::*;
use crate::desired::samples::container;
use proptest::prelude::*;

fn host(text: &str) -> HostFile {
    HostFile { path: "/etc/resolv.conf".into(), text: text.into() }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// What comes of a host's file, between the first comments and the last line.
fn made(host_text: &str, resolving: Resolving) -> String {
    body(&text(&host(host_text), &container(1), resolving))
}

fn body(text: &str) -> String {
    assert!(is_untouched(text), "{text}");
    let text = text.strip_prefix(HEAD).unwrap().strip_prefix('\n').unwrap();
    let end = text.rfind("# Checksum").unwrap();
    text[..end].to_owned()
}

const TYPICAL: &str = "# written by hand\ndomain old.lan\nsearch lan example.org\nnameserver 127.0.0.53\n\
    nameserver 9.9.9.9\n\nnameserver fd00::53\nnameserver fe80::1%eth0\nnameserver nonsense\n; x\n\
    options edns0\noptions trust-ad\nsortlist 10.0.0.0\n";

#[test]
fn a_network_with_names_has_netds_resolver_and_the_hosts_search_and_options() {
    assert_eq!(
        made(TYPICAL, Resolving::Own),
        "nameserver 127.0.0.11\nsearch lan example.org\noptions edns0 trust-ad ndots:0\n\
         sortlist 10.0.0.0\n\n# Based on host file: '/etc/resolv.conf' (internal resolver)\n\
         # ExtServers: [host(127.0.0.53) host(9.9.9.9) host(fd00::53) host(fe80::1%eth0)]\n\
         # Invalid nameservers: [nonsense]\n# Overrides: []\n# Option ndots from: internal\n"
    );
}

#[test]
fn the_default_network_has_the_resolvers_that_it_reaches() {
    let after = "search lan example.org\noptions edns0 trust-ad\nsortlist 10.0.0.0\n\n\
        # Based on host file: '/etc/resolv.conf' (legacy)\n# Invalid nameservers: [nonsense]\n\
        # Overrides: []\n";
    let v4 = made(TYPICAL, Resolving::Direct { ipv6: false });
    assert_eq!(v4, format!("nameserver 9.9.9.9\n{after}"));
    let both = made(TYPICAL, Resolving::Direct { ipv6: true });
    assert_eq!(both, format!("nameserver 9.9.9.9\nnameserver fd00::53\n{after}"));
}

#[test]
fn where_no_resolver_is_left_dockers_defaults_are_used() {
    let after = "\n# Based on host file: '/etc/resolv.conf' (legacy)\n# Used default nameservers.\n\
        # Overrides: []\n";
    for loopback in ["nameserver 127.0.0.53\n", "nameserver ::1\nnameserver 0.0.0.0\n", ""] {
        let v4 = made(loopback, Resolving::Direct { ipv6: false });
        assert_eq!(v4, format!("nameserver 8.8.8.8\nnameserver 8.8.4.4\n{after}"));
    }
    let both = made("nameserver ::1\n", Resolving::Direct { ipv6: true });
    assert!(both.contains("nameserver 2001:4860:4860::8844\n"), "{both}");
    assert!(!host("nameserver 127.0.0.53").is_of_use_elsewhere());
    assert!(host(TYPICAL).is_of_use_elsewhere());
}

#[test]
fn without_a_network_nobody_is_asked_and_on_the_hosts_everybody() {
    let after = "search lan\n\n# Based on host file: '/etc/resolv.conf'";
    let text = "nameserver 127.0.0.53\nsearch lan\n";
    let nobody = made(text, Resolving::Nobody);
    assert_eq!(nobody, format!("{after} (no network)\n# Overrides: []\n"));
    let all = made(text, Resolving::Host);
    assert_eq!(all, format!("nameserver 127.0.0.53\n{after}\n# Overrides: []\n"));
}

#[test]
fn what_a_container_was_given_takes_the_place_of_the_hosts() {
    let mut web = container(1);
    web.dns = vec!["127.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
    web.dns_search = own(&["."]);
    web.dns_options = own(&["ndots:2", "rotate"]);
    let made = |resolving| body(&text(&host(TYPICAL), &web, resolving));
    let notes = "# Invalid nameservers: [nonsense]\n# Overrides: [nameservers search options]\n\
        # Option ndots from: override\n";
    assert_eq!(
        made(Resolving::Own),
        format!(
            "nameserver 127.0.0.11\noptions ndots:2 rotate\nsortlist 10.0.0.0\n\n\
             # Based on host file: '/etc/resolv.conf' (internal resolver)\n\
             # ExtServers: [127.0.0.1 fd00::1]\n{notes}"
        )
    );
    for (resolving, how) in [
        (Resolving::Direct { ipv6: false }, " (legacy)"),
        (Resolving::Nobody, " (no network)"),
        (Resolving::Host, ""),
    ] {
        assert_eq!(
            made(resolving),
            format!(
                "nameserver 127.0.0.1\nnameserver fd00::1\noptions ndots:2 rotate\n\
                 sortlist 10.0.0.0\n\n# Based on host file: '/etc/resolv.conf'{how}\n{notes}"
            )
        );
    }
    web.dns_options = own(&["rotate"]);
    let own = body(&text(&host("options ndots:5"), &web, Resolving::Own));
    assert!(own.contains("options rotate ndots:0\n") && own.contains("from: internal"), "{own}");
}

#[test]
fn the_hosts_ndots_stays_unless_it_is_nonsense() {
    for (option, expected, from) in [
        ("ndots:3", "ndots:3", "host"),
        ("ndots:x", "ndots:0", "internal"),
        ("ndots", "ndots:0", "internal"),
    ] {
        let made = made(&format!("options {option}\n"), Resolving::Own);
        assert!(made.contains(&format!("options {expected}\n")), "{made}");
        assert!(made.ends_with(&format!("# Option ndots from: {from}\n")), "{made}");
    }
}

#[test]
fn an_edit_shows() {
    let text = text(&host(TYPICAL), &container(1), Resolving::Own);
    assert!(is_untouched(&text));
    for edited in [
        text.replace("lan", "LAN"),
        format!("{text}nameserver 1.1.1.1\n"),
        text.replacen('#', "", 1),
        text.trim_end().to_owned(),
        text[..text.len() / 2].to_owned(),
        String::new(),
        "\n".to_owned(),
        "nameserver 1.1.1.1\n".to_owned(),
    ] {
        assert!(!is_untouched(&edited), "{edited}");
    }
}

proptest! {
    #[test]
    fn any_host_file_gives_a_file_that_reads_back(words in "(nameserver|search|options|domain|#|ndots:|[0-9a-f:.%]{1,9}|\n| |\u{e4}){0,60}") {
        for resolving in [Resolving::Own, Resolving::Direct { ipv6: true }, Resolving::Nobody, Resolving::Host] {
            let text = text(&host(&words), &container(1), resolving);
            prop_assert!(is_untouched(&text));
            let read = Conf::parse(&text);
            let netd = read.servers == [Server::from(RESOLVER)];
            prop_assert!(resolving != Resolving::Own || (netd && read.ndots().is_some()));
            prop_assert!(resolving != Resolving::Nobody || read.servers.is_empty());
            let direct = matches!(resolving, Resolving::Direct { .. });
            let reachable = read.servers.iter().all(Server::is_reachable);
            prop_assert!(!direct || (reachable && !read.servers.is_empty()));
            prop_assert!(read.invalid.is_empty());
        }
    }
}
