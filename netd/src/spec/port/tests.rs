//! Which texts are publish specs, and what they mean.

use super::*;
use proptest::prelude::*;

type Form = (Option<IpAddr>, Option<(u16, u16)>, (u16, u16), Protocol);

fn form(spec: &str) -> Form {
    let m: PortMapping = spec.parse().unwrap();
    let ends = |range: PortRange| (range.first(), range.last());
    (m.address, m.host.map(ends), ends(m.container), m.protocol)
}

#[test]
fn every_form_of_the_grammar_is_understood() {
    let local: Option<IpAddr> = Some("127.0.0.1".parse().unwrap());
    let six: Option<IpAddr> = Some("::1".parse().unwrap());
    use Protocol::{Sctp, Tcp, Udp};
    assert_eq!(form("80"), (None, None, (80, 80), Tcp));
    assert_eq!(form(":80"), (None, None, (80, 80), Tcp));
    assert_eq!(form("0:80"), (None, None, (80, 80), Tcp));
    assert_eq!(form("8080:80"), (None, Some((8080, 8080)), (80, 80), Tcp));
    assert_eq!(form("53:53/UDP"), (None, Some((53, 53)), (53, 53), Udp));
    assert_eq!(form("9:9/sctp"), (None, Some((9, 9)), (9, 9), Sctp));
    assert_eq!(form("80-82"), (None, None, (80, 82), Tcp));
    assert_eq!(form("90-92:80-82"), (None, Some((90, 92)), (80, 82), Tcp));
    assert_eq!(form("90-92:80"), (None, Some((90, 92)), (80, 80), Tcp));
    assert_eq!(form("127.0.0.1:8080:80"), (local, Some((8080, 8080)), (80, 80), Tcp));
    assert_eq!(form("127.0.0.1::80"), (local, None, (80, 80), Tcp));
    assert_eq!(form("[::1]:8080:80"), (six, Some((8080, 8080)), (80, 80), Tcp));
    assert_eq!(form("[::1]::80"), (six, None, (80, 80), Tcp));
    assert_eq!(form("::1:8080:80"), (six, Some((8080, 8080)), (80, 80), Tcp));
}

#[test]
fn malformed_specs_are_refused_and_named() {
    for bad in [
        "",
        ":",
        "8080:",
        "x",
        "80x",
        "+80",
        "-80",
        "80-",
        "0",
        "65536",
        "80:0",
        "0-5:80",
        "82-80",
        "80/",
        "80/icmp",
        "80/tcp/udp",
        "1:2:3:4",
        "80:80-81",
        "90-91:80-82",
        "1.2.3:80:80",
        "[127.0.0.1]:80:80",
        "[::1:80:80",
        "[::1]:80",
        "127.0.0.1:80",
        "host:80:80",
        "8080:80,",
        "8080:80,10.0.0.0/8",
        "8080:80,from=10.0.0.1/8",
        "8080 :80",
        "80:80\n",
    ] {
        let error = bad.parse::<PortMapping>().unwrap_err();
        let start = format!("invalid publish spec {bad:?}: ");
        assert!(error.message.starts_with(&start), "{error}");
        assert!(!error.message.contains('\n'), "{error}");
    }
}

#[test]
fn the_rule_that_was_broken_is_told() {
    let why = |spec: &str| spec.parse::<PortMapping>().unwrap_err().message;
    assert!(
        why("90-91:80-82")
            .ends_with("host ports 90-91 and container ports 80-82 are not equally many")
    );
    assert!(why("127.0.0.1:80").contains("an address goes before two colons"));
    assert!(why("80/icmp").ends_with("protocol \"icmp\" is none of tcp, udp and sctp"));
    assert!(why("8080:80,from=10.0.0.1/8").ends_with("it should be 10.0.0.0/8"));
}

#[test]
fn exposed_ports_may_be_ranges() {
    assert_eq!(parse_exposed("53/udp").unwrap(), [(53, Protocol::Udp)]);
    let tcp: Vec<_> = (8000..=8002).map(|p| (p, Protocol::Tcp)).collect();
    assert_eq!(parse_exposed("8000-8002").unwrap(), tcp);
    for bad in ["", "80:80", "0", "a", "9-8", "80/x"] {
        assert!(parse_exposed(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_list_of_clients_follows_the_ports() {
    let mapping: PortMapping = "53:53/udp,from=10.0.0.0/8,::1".parse().unwrap();
    assert_eq!(mapping.to_string(), "53:53/udp,from=10.0.0.0/8,::1/128");
    assert_eq!(mapping.protocol, Protocol::Udp);
}

#[test]
fn a_publication_is_named_by_the_words_that_made_it_or_by_fewer() {
    let published = |host, container| Published {
        address: "0.0.0.0".parse().unwrap(),
        host: PortRange::single(host),
        container,
        protocol: Protocol::Tcp,
    };
    let publication = |spec: &str, host: u16| {
        let mapping: PortMapping = spec.parse().unwrap();
        let published = vec![published(host, mapping.container.first())];
        Publication { mapping, published }
    };
    let named = |spec: &str, host, words: &str| {
        publication(spec, host).is_named_by(&words.parse().unwrap())
    };
    for words in ["80", "80/tcp", "9090:80", "0.0.0.0:9090:80", "0.0.0.0::80"] {
        assert!(named("9090:80", 9090, words), "{words}");
    }
    for words in ["9090", "81", "80/udp", "9091:80", "127.0.0.1:9090:80", "9090:80,from=::1"] {
        assert!(!named("9090:80", 9090, words), "{words}");
    }
    assert!(named("80", 40_000, "40000:80") && !named("80", 40_000, "40001:80"));
    assert!(named("90-92:80", 91, "91:80") && named("90-92:80", 91, "90-92:80"));
    assert!(named("1.2.3.4:1:1,from=::1", 1, "1:1") && named("1:1,from=::1", 1, "1:1,from=::1"));
    let nowhere = Publication { published: Vec::new(), ..publication("80", 1) };
    assert!(nowhere.is_named_by(&"80".parse().unwrap()));
    assert!(!nowhere.is_named_by(&"1:80".parse().unwrap()));
}

#[test]
fn what_older_versions_stored_is_understood() {
    let old = r#"{"address":null,"host":[90,92],"container":[80,82],"protocol":"tcp"}"#;
    assert_eq!(serde_json::from_str::<PortMapping>(old).unwrap(), "90-92:80-82".parse().unwrap());
}

fn mappings() -> impl Strategy<Value = PortMapping> {
    let address = prop_oneof![
        Just(None),
        any::<[u8; 4]>().prop_map(|a| Some(IpAddr::from(a))),
        any::<[u8; 16]>().prop_map(|a| Some(IpAddr::from(a).to_canonical())),
    ];
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
    let client = (any::<[u8; 4]>(), 0..=32u8)
        .prop_map(|(address, length)| IpNet::new(address.into(), length).unwrap().trunc());
    let from = prop::collection::vec(client, 0..3);
    (address, 1..60_000u16, 0..5000u16, 1..60_000u16, 0..3u8, protocol, from).prop_map(
        |(address, host, length, container, kind, protocol, from)| PortMapping {
            address,
            host: PortRange::new(host, host + length).filter(|_| kind > 0),
            container: PortRange::new(container, container + if kind == 1 { 0 } else { length })
                .unwrap(),
            protocol,
            from,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(mapping in mappings()) {
        prop_assert_eq!(mapping.to_string().parse::<PortMapping>(), Ok(mapping));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[0-9a-f:./\\[\\],=rom-]{0,24}") {
        let _ = text.parse::<PortMapping>();
        let _ = parse_exposed(&text);
    }
}
