//! Files that make no sense.

use super::*;

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    for (text, why) in [
        ("services: {a: {network_mode: overlay}}", "none of bridge, host"),
        (
            "services: {a: {network_mode: host, networks: [b]}}\nnetworks: {b: }",
            "exclude each other",
        ),
        ("services: {a: {network_mode: 'service:b', ports: [80]}}", "where the namespace is"),
        ("services: {a: {network_mode: host, x-netd: {namespace: 'pid:1'}}}", "exclude each other"),
        ("services: {a: {x-netd: {namespace: web}}}", "write netns:PATH"),
        ("services: {a: {x-netd: {namespace: 'netns:web'}}}", "absolute path"),
        ("services: {a: {x-netd: {namespce: 'pid:1'}}}", "did you mean namespace?"),
        ("services: {a: {extends: {service: b}}}", "extends is not supported"),
        ("include: [b.yaml]", "include is not supported"),
        ("servces: {}", "did you mean services?"),
        ("name: Shop", "lower-case"),
    ] {
        let told = faults(text);
        assert!(told.iter().any(|line| line.contains(why)), "{text}: {told:?}");
    }
}

#[test]
fn what_makes_no_sense_in_parts_is_refused_with_what_to_do() {
    for (text, why) in [
        ("networks: {a: {driver: overlay}}", "write bridge"),
        ("networks: {a: {external: true, internal: true}}", "leave internal out"),
        ("networks: {a: {enable_ipv4: false}}", "not supported"),
        ("networks: {a: {internal: maybe}}", "write true or false"),
        ("networks: {a: {driver_opts: {com.docker.network.bridge.nme: b}}}", "the known ones are"),
        ("networks: {a: {x-netd: {mss: 1}}}", "neither clamp nor"),
        ("networks: {a: {ipam: {config: [{gateway: 10.0.0.1}]}}}", "write subnet beside it"),
        (
            "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.1.0.1}]}}}",
            "outside subnet",
        ),
        (
            "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/24, ip_range: 10.1.0.0/25}]}}}",
            "outside subnet",
        ),
        (
            "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/24}, {subnet: 10.1.0.0/24}]}}}",
            "one subnet per family",
        ),
        ("networks: {a: {ipam: {config: [{subnet: fd00::/64}]}}}", "enable_ipv6: true"),
        (
            "networks: {a: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}\nservices: {w: {networks: {a: {ipv4_address: 10.1.0.5}}}}",
            "outside subnet 10.0.0.0/24",
        ),
        ("networks: [a]", "networks is a list; write a mapping"),
        ("services: {a: {ports: '80'}}", "write a list"),
        ("services: {a: {ports: [{published: 80}]}}", "port has no target"),
        ("services: {a: {ports: ['${B:?which port}']}}", "which port"),
        ("services: {a: {links: [b]}}", "no service \"b\""),
        ("services: {a: {links: ['a:b c']}}", "link alias"),
        ("services: {a: {networks: {default: {aliases: [10.0.0.1]}}}}", "reads as an IP address"),
        ("services: {a: {extra_hosts: [x]}}", "write NAME:ADDRESS"),
        ("services: {a: {extra_hosts: ['x:y']}}", "no IP address"),
        ("services: {a: {domainname: b..example}}", "domainname \"b..example\""),
        ("services: {a: {mac_address: '01:00:00:00:00:00'}}", "no unicast"),
        ("services: {a: {expose: [http]}}", "it is no port"),
        ("services: {a: , b: {container_name: a}}", "is declared already, in line 1"),
        ("networks: {a: , b: {name: a}}", "is declared already"),
        ("services: {-a: }", "use 1 to 63 letters"),
        ("services: {a: {networks: {default: {gw_priority: 1}}}}", "gw_priority is not supported"),
        ("services: {a: {networks: {default: {ip: 1}}}}", "has no key \"ip\""),
    ] {
        let told = faults(text);
        assert!(told.iter().any(|line| line.contains(why)), "{text}: {told:?}");
    }
}
