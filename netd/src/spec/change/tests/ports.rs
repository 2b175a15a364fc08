//! Publishing more and less of a container's ports, and what its networks make of it.

use super::*;

fn unpublish(spec: &mut Spec, name: &str, specs: &[&str]) -> Result<()> {
    let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
    spec.unpublish(name, &specs)
}

/// What is in force: `0.0.0.0:8080-8081>80`.
fn in_force(spec: &Spec, name: &str) -> Vec<String> {
    let container = spec.container(name).unwrap();
    container.published().map(|p| format!("{}:{}>{}", p.address, p.host, p.container)).collect()
}

/// What was asked for.
fn asked(spec: &Spec, name: &str) -> Vec<String> {
    spec.container(name).unwrap().ports.iter().map(|p| p.mapping.to_string()).collect()
}

fn internal() -> Spec {
    let mut spec = two_networks();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    spec
}

#[test]
fn more_and_less_is_published_of_a_registered_or_running_container() {
    let mut spec = two_networks();
    register(&mut spec, &publishing("web", &["backend"], &["80:80"])).unwrap();
    let new = publish(&mut spec, "web", &["10.0.0.1:90-91:90-91,from=10.0.0.0/8", "443"]).unwrap();
    let words: Vec<String> = new.iter().map(|p| p.mapping.to_string()).collect();
    assert_eq!(words, ["10.0.0.1:90-91:90-91/tcp,from=10.0.0.0/8", "443/tcp"]);
    assert_eq!(
        in_force(&spec, "web"),
        ["0.0.0.0:80>80", ":::80>80", "10.0.0.1:90-91>90", "0.0.0.0:40000>443", ":::40000>443"]
    );
    unpublish(&mut spec, "web", &["80:80", "40000:443"]).unwrap();
    assert_eq!(in_force(&spec, "web"), ["10.0.0.1:90-91>90"]);
    let id = run(&mut spec, "other", &["backend"]);
    publish(&mut spec, id.short(), &["80:80"]).unwrap();
    assert_eq!(in_force(&spec, "other").len(), 2);
}

#[test]
fn a_spec_names_all_that_it_fits() {
    let mut spec = two_networks();
    let specs = ["8080:80", "80", "80", "127.0.0.1:9000:80", "53:80/udp"];
    start(&mut spec, &publishing("web", &["backend"], &specs));
    unpublish(&mut spec, "web", &["9000:80"]).unwrap();
    assert_eq!(asked(&spec, "web"), ["8080:80/tcp", "80/tcp", "80/tcp", "53:80/udp"]);
    unpublish(&mut spec, "web", &["80"]).unwrap();
    assert_eq!(asked(&spec, "web"), ["53:80/udp"]);
}

#[test]
fn all_is_published_or_nothing() {
    let mut spec = two_networks();
    run(&mut spec, "web", &["backend"]);
    start(&mut spec, &publishing("db", &["backend"], &["5000-5009:1-10"]));
    for (specs, why) in [
        (
            &["80:80", "5009-5010:1-2"][..],
            "Bind for 0.0.0.0:5009 failed: port is already allocated to container db",
        ),
        (&["80:80", "80:81"], "another publish spec of the same container"),
        (
            &["80:80", "20-22:20-22"],
            "failed to bind host port 0.0.0.0:22/tcp: address already in use",
        ),
        (&["80:80", "x"], "invalid publish spec \"x\""),
        (&["192.0.2.1:80:80"], "not an address of this host"),
        (&[], "no publish spec is given"),
    ] {
        let message = refused(&mut spec, |spec| publish(spec, "web", specs));
        assert!(message.starts_with("cannot publish ports of container web: "), "{message}");
        assert!(message.contains(why), "{message}");
    }
    publish(&mut spec, "web", &["80:80"]).unwrap();
    let message = refused(&mut spec, |spec| publish(spec, "web", &["80:80,from=::1"]));
    assert!(message.ends_with("80:80/tcp is already published; unpublish it first to change it"));
}

#[test]
fn what_is_not_published_is_told_with_what_is() {
    let mut spec = two_networks();
    run(&mut spec, "web", &["backend"]);
    let message = refused(&mut spec, |spec| unpublish(spec, "web", &["80"]));
    let start = "cannot unpublish ports of container web: 80/tcp is not published; ";
    assert_eq!(message, format!("{start}it publishes nothing"));
    publish(&mut spec, "web", &["8080:80", "53:53/udp"]).unwrap();
    let message = refused(&mut spec, |spec| unpublish(spec, "web", &["8080:80", "8080:81"]));
    assert!(
        message.ends_with("8080:81/tcp is not published; it publishes 8080:80/tcp and 53:53/udp")
    );
    let many: Vec<String> = (1..=10).map(|port| format!("60{port:02}:{port}")).collect();
    publish(&mut spec, "web", &many.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let message = refused(&mut spec, |spec| unpublish(spec, "web", &["1:2"]));
    assert!(message.ends_with(", 6006:6/tcp and 4 more"), "{message}");
    assert!(refused(&mut spec, |spec| unpublish(spec, "nobody", &["1"])).contains("not found"));
}

#[test]
fn who_can_not_publish_is_told_why() {
    let mut spec = internal();
    run(&mut spec, "lonely", &["none"]);
    run(&mut spec, "hosted", &["host"]);
    run(&mut spec, "db", &["vault"]);
    run(&mut spec, "alone", &["backend"]);
    disconnect(&mut spec, "backend", "alone").unwrap();
    let ended = run(&mut spec, "ended", &["backend"]);
    spec.exit_container(&ended, 0).unwrap();
    for (name, why) in [
        ("lonely", "it was made with network none"),
        ("hosted", "it uses the host's own network"),
        ("db", "it is on internal networks only"),
        ("alone", "it is on no network"),
        ("ended", "it has ended"),
        ("nobody", "container nobody not found"),
    ] {
        let message = refused(&mut spec, |spec| publish(spec, name, &["80:80"]));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn ports_come_into_force_with_a_network_that_publishes_and_go_with_it() {
    let mut spec = internal();
    let request = ContainerCreate {
        publish_all: true,
        expose: vec!["443".into()],
        ..publishing("db", &["vault"], &["80:80"])
    };
    start(&mut spec, &request);
    assert_eq!(in_force(&spec, "db"), [""; 0]);
    start(&mut spec, &publishing("web", &["backend"], &["80:8080"]));
    let message = refused(&mut spec, |spec| connect(spec, "backend", "db"));
    let words = "cannot connect db to network backend: Bind for 0.0.0.0:80 failed: port is already";
    assert!(message.starts_with(words), "{message}");
    unpublish(&mut spec, "web", &["8080"]).unwrap();
    connect(&mut spec, "backend", "db").unwrap();
    let all = ["0.0.0.0:80>80", ":::80>80", "0.0.0.0:40000>443", ":::40000>443"];
    assert_eq!(in_force(&spec, "db"), all);
    connect(&mut spec, "frontend", "db").unwrap();
    disconnect(&mut spec, "backend", "db").unwrap();
    assert_eq!(in_force(&spec, "db"), all);
    disconnect(&mut spec, "frontend", "db").unwrap();
    assert_eq!(in_force(&spec, "db"), [""; 0]);
    publish(&mut spec, "web", &["80:8080"]).unwrap();
}

#[test]
fn ports_follow_the_host_address_of_the_network_that_they_lead_through() {
    let mut spec = spec();
    let key = "com.docker.network.bridge.host_binding_ipv4";
    let options = [(key.into(), "127.0.0.1".into())].into();
    create(&mut spec, &NetworkCreate { options, ..named("zoo") }).unwrap();
    start(&mut spec, &publishing("web", &["zoo"], &["80:80", "10.0.0.1:81:81"]));
    assert_eq!(in_force(&spec, "web"), ["127.0.0.1:80>80", "10.0.0.1:81>81"]);
    connect(&mut spec, "bridge", "web").unwrap();
    assert_eq!(in_force(&spec, "web"), ["0.0.0.0:80>80", ":::80>80", "10.0.0.1:81>81"]);
    disconnect(&mut spec, "bridge", "web").unwrap();
    assert_eq!(in_force(&spec, "web"), ["127.0.0.1:80>80", "10.0.0.1:81>81"]);
}

#[test]
fn a_container_is_connected_and_publishes_in_one_request_wholly_or_not_at_all() {
    let mut spec = two_networks();
    let publish = |specs: &[&str]| NetworkConnect {
        container: "pid:42".into(),
        publish: specs.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let foreign = foreign(42, 5);
    join(&mut spec, "backend", &publish(&["80:80"]), Some(&foreign)).unwrap();
    assert_eq!(in_force(&spec, "pid:42"), ["0.0.0.0:80>80", ":::80>80"]);
    for (specs, why) in [
        (["81:81", "80:80"], "80:80/tcp is already published"),
        (["81:81", "nonsense"], "nonsense"),
    ] {
        let message =
            refused(&mut spec, |spec| join(spec, "frontend", &publish(&specs), Some(&foreign)));
        assert!(message.starts_with("cannot connect pid:42 to network frontend: "), "{message}");
        assert!(message.contains(why), "{message}");
    }
    join(&mut spec, "frontend", &publish(&["81:81"]), Some(&foreign)).unwrap();
    assert_eq!(in_force(&spec, "pid:42").len(), 4);
}

#[test]
fn a_foreign_container_can_publish_too() {
    let mut spec = two_networks();
    let request = NetworkConnect { container: "pid:42".into(), ..Default::default() };
    join(&mut spec, "backend", &request, Some(&foreign(42, 5))).unwrap();
    publish(&mut spec, "pid:42", &["80:80"]).unwrap();
    join(&mut spec, "frontend", &request, Some(&foreign(42, 5))).unwrap();
    assert_eq!(in_force(&spec, "pid:42"), ["0.0.0.0:80>80", ":::80>80"]);
}
