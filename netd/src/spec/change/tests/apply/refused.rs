//! Files that can't be applied.

use super::*;

#[test]
fn pruning_does_not_pull_a_network_from_under_others() {
    let mut spec = spec();
    apply(&mut spec, WEB).unwrap();
    crate::spec::fixture::run(&mut spec, "stranger", &["back"]);
    let before = spec.clone();
    let faults = prune(&mut spec, "services: {}").unwrap_err();
    assert!(
        faults[0].contains("cannot prune") && faults[0].contains("in use by stranger"),
        "{faults:?}"
    );
    assert_eq!(spec, before);
}

#[test]
fn what_stands_in_the_way_is_told_with_its_place() {
    let mut spec = spec();
    crate::spec::fixture::create(&mut spec, &crate::spec::fixture::named("there")).unwrap();
    let id = crate::spec::fixture::run(&mut spec, "holder", &[]);
    publish(&mut spec, "holder", &["8080:80"]).unwrap();
    let before = spec.clone();
    let text = "networks:\n  a: {ipam: {config: [{subnet: 10.0.0.0/25}]}}\n  b: {external: true}\n  host:\n";
    let faults = apply(&mut spec, text).unwrap_err();
    assert!(faults[0].starts_with("f:2:3: cannot create network \"a\": subnet 10.0.0.0/25 overlaps 10.0.0.0/24, which the host has on eth0; choose another subnet"), "{faults:?}");
    assert!(faults[1].starts_with("f:3:3: network b is external and does not exist"), "{faults:?}");
    assert!(faults[2].starts_with("f:4:3: network host always exists"), "{faults:?}");
    let text = "networks: {there: {external: true}}\nservices:\n  a:\n    networks: [there]\n    ports:\n      - 8080:80\n      - 22:22\n      - 99:99\n  \
                b:\n    networks: {there: {ipv6_address: 'fd00::1'}}\n";
    let faults = apply(&mut spec, text).unwrap_err();
    assert!(faults[0].starts_with("f:6:9: Bind for 0.0.0.0:8080 failed"), "{faults:?}");
    assert!(faults[1].starts_with("f:7:9: failed to bind host port"), "{faults:?}");
    assert!(
        faults[2].starts_with("f:10:16: ipv6_address fd00::1: network there has no IPv6 subnet"),
        "{faults:?}"
    );
    assert_eq!((faults.len(), &spec), (3, &before));
    spec.remove_container(id.as_str(), true).unwrap();
}

#[test]
fn what_a_file_of_the_agent_declares_is_changed_there() {
    let file = Origin::File("/etc/netd/a.yaml".into());
    let mut spec = spec();
    apply_as(&mut spec, WEB, &file, true, &BTreeMap::new()).unwrap();
    assert_eq!(apply(&mut spec, WEB).unwrap(), [""; 0]);
    let faults = apply(
        &mut spec,
        &WEB.replace("8080", "8081").replace("back: {", "back: {internal: true, "),
    )
    .unwrap_err();
    assert!(
        faults.iter().all(|f| f.contains("declared otherwise in /etc/netd/a.yaml")),
        "{faults:?}"
    );
    assert_eq!(prune(&mut spec, "services: {}").unwrap(), [""; 0]);
    assert_eq!(spec.declared.origins().into_iter().collect::<Vec<_>>(), [file]);
}
