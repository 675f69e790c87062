#!/usr/bin/env python3
"""natlab: NATs and bad networks of a real kernel, in network namespaces that vanish with this process.

    natlab.py run [--a KIND] [--b KIND] -- COMMAND

builds this world, runs COMMAND in it and ends with its exit code:

    a1 ---- natA ----+        +---- natB ---- b1
      \\              inet                                peers: 192.0.2.1 and 192.0.2.2
       +--- natC ----+        +---- p1, p2

a1 has two access networks, natA and natC, and uses the first. Exit code 77: such a world cannot be built here; stderr
says why. Needs iproute2, nft, util-linux and Python 3.9. Root is not needed: without it, a user namespace is used.

COMMAND reaches a host by `ip netns exec a1 ...`, and asks for faults by lines to the unix socket $NATLAB_CONTROL, each
answered by `ok` or by what went wrong:

    loss PERCENT      random loss on all paths through inet, both ways
    rebind ROUTER     the NAT box forgets everything and takes new ports
    roam HOST INDEX   the host leaves its network and appears in its other one

Kinds of NAT (RFC 4787: mapping / filtering; EI endpoint-independent, APD address-and-port-dependent):

    linux      stock `nft masquerade`, unsolicited input dropped                      EI  / APD
    portcone   the same with outer ports that differ from the inner ones              EI  / APD
    symmetric  `masquerade fully-random`: a new outer port towards each address       APD / APD
    blocked    no UDP to the outside at all

Everything is in one private net, mount and pid namespace: when this process ends, also by SIGKILL, the kernel removes
every namespace, rule and process of it. Nothing outside is touched.
"""
import argparse, contextlib, ctypes, os, signal, socket, struct, subprocess, sys, threading

CLONE_NEWNET = 0x40000000
CANNOT = 77
KINDS = ("linux", "portcone", "symmetric", "blocked")
CONTROL = "/run/natlab.sock"
libc = ctypes.CDLL(None, use_errno=True)


# --------------------------------------------------------------------------- the private world
def enter_private_world():
    """Starts this program again inside private namespaces; there it is root of a universe of its own."""
    if os.environ.get("NATLAB_INSIDE") == "1":
        sh(["mount", "-t", "tmpfs", "none", "/run"])
        os.makedirs("/run/netns", exist_ok=True)
        return
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    sh(unshare + ["true"])
    os.environ["NATLAB_INSIDE"] = "1"
    os.execvp("unshare", unshare + [sys.executable, os.path.abspath(__file__)] + sys.argv[1:])


def sh(command, stdin=None):
    done = subprocess.run(command, input=stdin, text=True, capture_output=True)
    if done.returncode:
        raise OSError(f"`{' '.join(command)}`: {done.stderr.strip()}")


def ip(namespace, *lines):
    sh(["ip", "-n", namespace, "-b", "-"], "\n".join(lines) + "\n")


@contextlib.contextmanager
def inside(namespace):
    """Runs the body, of this thread, in a network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


def flush_conntrack():
    """`conntrack -F` of the current namespace by raw netlink, so that the tool is not needed."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        # IPCTNL_MSG_CT_DELETE without a tuple: all entries; NLM_F_REQUEST | NLM_F_ACK
        netlink.send(struct.pack("=IHHIIBBH", 20, (1 << 8) | 2, 0x1 | 0x4, 1, 0, 0, 0, 0))
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))


def nat_rules(kind, port_base):
    """The nft program of a NAT box; `wan` is outside, `lan` inside."""
    masquerade = {
        "linux": ['oifname "wan" masquerade'],
        # The kernel keeps one outer port for one inner socket unless a random flag is given; a range of ports away
        # from the hosts' own makes it another one.
        "portcone": [f'oifname "wan" meta l4proto udp masquerade to :{port_base}-{port_base + 9999}',
                     'oifname "wan" masquerade'],
        "symmetric": ['oifname "wan" masquerade fully-random'],
        "blocked": ['oifname "wan" masquerade'],
    }[kind]
    forward = ['iifname "wan" ct state new drop']
    if kind == "blocked":
        forward = ['iifname "lan" oifname "wan" meta l4proto udp drop'] + forward
    # Unsolicited packets to the outer address must die before conntrack confirms them, or their entry can collide with
    # a flow of our own.
    incoming = ['iifname "wan" ct state new drop']
    chains = [("post", "type nat hook postrouting priority srcnat", masquerade),
              ("forward", "type filter hook forward priority 0", forward),
              ("incoming", "type filter hook input priority 0", incoming)]
    bodies = (f"chain {name} {{ {hook}; policy accept;\n" + "\n".join(rules) + "\n}" for name, hook, rules in chains)
    return "flush ruleset\ntable ip nat {\n" + "\n".join(bodies) + "\n}\n"


def nft(namespace, program):
    sh(["ip", "netns", "exec", namespace, "nft", "-f", "-"], program)


# --------------------------------------------------------------------------- the laboratory
class Router:
    def __init__(self, number, kind):
        self.kind, self.lan, self.hosts, self.port_base = kind, f"10.{number}.0", 1, 20000


class Lab:
    def __init__(self):
        self.routers, self.hosts = {}, {}
        self.namespace("inet", forwards=True)
        ip("inet", "link add brp type bridge", "addr add 192.0.2.254/24 dev brp", "link set brp up")
        for number, peer in enumerate(("p1", "p2"), 1):
            self.namespace(peer)
            self.cable(peer, "eth0", "inet", f"v{peer}")
            ip("inet", f"link set v{peer} master brp", f"link set v{peer} up")
            ip(peer, f"addr add 192.0.2.{number}/24 dev eth0", "link set eth0 up", "route add default via 192.0.2.254")

    def namespace(self, name, forwards=False):
        sh(["ip", "netns", "add", name])
        ip(name, "link set lo up")
        settings = {"conf/all/rp_filter": 0, "conf/default/rp_filter": 0, "conf/all/send_redirects": 0,
                    "conf/default/send_redirects": 0, "ip_forward": int(forwards)}
        with inside(name):
            for key, value in settings.items():
                with open(f"/proc/sys/net/ipv4/{key}", "w") as file:
                    file.write(str(value))

    def cable(self, one, device, other, far_device):
        sh(["ip", "link", "add", device, "netns", one, "type", "veth", "peer", "name", far_device, "netns", other])

    def router(self, name, kind):
        """A NAT box: outside 198.18.N.1, inside 10.N.0.1/24."""
        number = len(self.routers) + 1
        router = self.routers[name] = Router(number, kind)
        self.namespace(name, forwards=True)
        self.cable(name, "wan", "inet", f"w{number}")
        ip("inet", f"addr add 198.18.{number}.254/24 dev w{number}", f"link set w{number} up")
        ip(name, f"addr add 198.18.{number}.1/24 dev wan", "link set wan up", "link add lan type bridge",
           f"addr add {router.lan}.1/24 dev lan", "link set lan up", f"route add default via 198.18.{number}.254")
        nft(name, nat_rules(kind, router.port_base))

    def host(self, name, *routers):
        """A host with a cable to each of these routers; the first is in use."""
        self.namespace(name)
        links = []
        for index, router_name in enumerate(routers):
            router = self.routers[router_name]
            router.hosts += 1
            self.cable(name, f"eth{index}", router_name, f"h{name}{index}")
            ip(router_name, f"link set h{name}{index} master lan", f"link set h{name}{index} up")
            links.append((f"eth{index}", f"{router.lan}.{router.hosts}", f"{router.lan}.1"))
        self.hosts[name] = [links, 0]
        self.plug(name, 0)

    def plug(self, name, index):
        links, _ = self.hosts[name]
        device, address, gateway = links[index]
        ip(name, f"addr replace {address}/24 dev {device}", f"link set {device} up",
           f"route replace default via {gateway} dev {device}")
        self.hosts[name] = [links, index]

    def roam(self, name, index):
        links, current = self.hosts[name]
        device = links[current][0]
        ip(name, f"link set {device} down", f"addr flush dev {device}")
        self.plug(name, int(index))

    def rebind(self, name):
        router = self.routers[name]
        router.port_base = 50000 - router.port_base
        nft(name, nat_rules(router.kind, router.port_base))
        with inside(name):
            flush_conntrack()

    def loss(self, percent):
        rule = f"numgen random mod 10000 < {round(float(percent) * 100)} drop" if float(percent) else ""
        nft("inet", "table inet loss\nflush table inet loss\ntable inet loss {\n"
                    f"chain f {{ type filter hook forward priority 0; policy accept;\n{rule}\n}}\n}}\n")


# --------------------------------------------------------------------------- a command in it
def obey(lab, listener):
    """Carries out the faults that the command asks for, line by line."""
    verbs = {"loss": lab.loss, "rebind": lab.rebind, "roam": lab.roam}
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as lines:
            for line in lines:
                try:
                    verb, *arguments = line.split()
                    verbs[verb](*arguments)
                    answer = "ok"
                except Exception as error:
                    answer = " ".join(f"{line.strip()}: {error!r}".split())
                lines.write(answer + "\n")
                lines.flush()


def build(options):
    lab = Lab()
    lab.router("natA", options.a)
    lab.router("natB", options.b)
    lab.router("natC", "symmetric")
    lab.host("a1", "natA", "natC")
    lab.host("b1", "natB")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(CONTROL)
    listener.listen()
    threading.Thread(target=obey, args=(lab, listener), daemon=True).start()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments, command = sys.argv[1:], ["bash"]
    if "--" in arguments:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run"])
    parser.add_argument("--a", default="linux", choices=KINDS)
    parser.add_argument("--b", default="linux", choices=KINDS)
    options = parser.parse_args(arguments)
    try:
        enter_private_world()
        build(options)
    except OSError as error:
        print(f"no laboratory: {error}", file=sys.stderr)
        sys.exit(CANNOT)
    sys.exit(subprocess.run(command, env=dict(os.environ, NATLAB_CONTROL=CONTROL)).returncode)


if __name__ == "__main__":
    main()
