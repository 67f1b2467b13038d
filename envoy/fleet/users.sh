#!/bin/sh
# Users and roles in etcd for the proxies of one scope, so that nobody can do more than it must:
#
#   read   every fact of the scope, every turn to probe, every override
#   write  its own facts, and turns; no overrides
#
#   ETCDCTL_ENDPOINTS=https://etcd:2379 ETCDCTL_CACERT=ca.pem ETCDCTL_CERT=root.pem ETCDCTL_KEY=root.key \
#   PREFIX=/llm-breaker/ SCOPE=acme-production sh envoy/fleet/users.sh PROXY…
#
# Run it again to add proxies. A proxy's name is the name in its certificate; no user has a password.
#
# FACTS=own binds the facts that a proxy may write to its own domain, for the breakers that are named:
# FACTS=own BREAKERS="outbound%7C443%7C%7Capi.openai.com" DOMAIN=zone-a … sh envoy/fleet/users.sh PROXY…
# Without it each proxy of the scope may write any fact of the scope: another's, too.
set -eu
prefix=${PREFIX:-/llm-breaker/}
scope=${SCOPE:?"which scope? as in the configuration, percent-encoded"}
etcdctl=${ETCDCTL:-etcdctl}
export ETCDCTL_API=3

# What is there already is no mistake.
add() {
	said=$("$etcdctl" "$@" 2>&1) || case $said in
		*"already exists"* | *"already enabled"*) ;;
		*) printf '%s\n' "$said" >&2; exit 1 ;;
	esac
}

# ROLE KIND PREFIX
grant() {
	add role add "$1"
	add role grant-permission --prefix=true "$1" "$2" "$3"
}

add user add --no-password root
add role add root
add user grant-role root root

reader=$scope-reader
grant "$reader" read "${prefix}v1/$scope/"
grant "$reader" readwrite "${prefix}turn/v1/$scope/"
grant "$reader" read "${prefix}override/v1/$scope/"

if [ "${FACTS:-all}" = own ]; then
	writer=$scope-writer-$DOMAIN
	for breaker in $BREAKERS; do
		grant "$writer" readwrite "${prefix}v1/$scope/$breaker/$DOMAIN/"
	done
else
	writer=$scope-writer
	grant "$writer" readwrite "${prefix}v1/$scope/"
fi

# Who may change modes for the whole fleet: give it to operators, not to proxies. A proxy whose status
# page is to publish overrides needs it, too.
grant "$scope-operator" readwrite "${prefix}override/v1/$scope/"

for proxy in "$@"; do
	add user add --no-password "$proxy"
	add user grant-role "$proxy" "$reader"
	add user grant-role "$proxy" "$writer"
done
add auth enable
