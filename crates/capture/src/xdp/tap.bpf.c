// The XDP program of a tap: counts every frame of a queue, leaves out what was not asked for, and sends the rest to the
// queue's AF_XDP socket. It never changes a frame.
//
// Needs clang and nothing else: the few definitions of the kernel's interface are written out below, each after
// https://github.com/torvalds/linux/blob/v6.6/include/uapi/linux/bpf.h. A tap without filters costs two look-ups a frame.
//
// There are four of it: for whole frames and for frames in several buffers, and of each one that writes down ahead of the frame
// what the driver knows of it: when it came, and which VLAN tag was taken off. program.rs picks.
//
// Filters look at the outermost IP header, behind at most two VLAN tags. A later piece of a datagram has no ports and
// passes --ports, since leaving it out would damage a datagram that was asked for.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct xdp_md {
    u32 data;
    u32 data_end;
    u32 data_meta;
    u32 ingress_ifindex;
    u32 rx_queue_index;
    u32 egress_ifindex;
};

enum { XDP_DROP = 1, XDP_PASS = 2, XDP_REDIRECT = 4 };
enum { MAP_ARRAY = 2, MAP_PERCPU_ARRAY = 6, MAP_LPM_TRIE = 11, MAP_XSKMAP = 17, F_NO_PREALLOC = 1 };

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static long (*const adjust_meta)(struct xdp_md *frame, int delta) = (void *)54;

// Functions of the kernel that have no fixed number: bpf.rs puts the running kernel's in the place of these.
// https://docs.kernel.org/networking/xdp-rx-metadata.html
static int (*const rx_timestamp)(const struct xdp_md *frame, u64 *nanos) = (void *)0x70690001;
static int (*const rx_vlan_tag)(const struct xdp_md *frame, u16 *type, u16 *tci) = (void *)0x70690002;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define UINT(name, value) int(*name)[value]
#define TYPE(name, value) typeof(value) *name
#define BE16(value) ((u16)__builtin_bswap16(value))

// What became of the frames of one queue. Read by counters.rs, which relies on the order.
struct tally {
    u64 seen;
    u64 to_socket;
    u64 no_socket;
    u64 filtered;
};

struct net4 {
    u32 prefix_bits;
    u8 address[4];
};

struct net6 {
    u32 prefix_bits;
    u8 address[16];
};

struct {
    UINT(type, MAP_XSKMAP);
    UINT(max_entries, 1);
    TYPE(key, u32);
    TYPE(value, u32);
} SOCKETS SEC(".maps");

struct {
    UINT(type, MAP_PERCPU_ARRAY);
    UINT(max_entries, 1);
    TYPE(key, u32);
    TYPE(value, struct tally);
} TALLIES SEC(".maps");

// One entry. Written by program.rs, which relies on the order.
struct settings {
    u32 begun;         // not 0 once every queue has its socket; frames before that are nobody's loss
    u32 others;        // what becomes of frames that go to no socket: XDP_PASS or XDP_DROP
    u32 by_ports;      // whether filters are asked for
    u32 by_nets;
    u32 by_expression;
};

struct {
    UINT(type, MAP_ARRAY);
    UINT(max_entries, 1);
    TYPE(key, u32);
    TYPE(value, struct settings);
} SETTINGS SEC(".maps");

// A bit for each port, in network order as in the frame.
struct {
    UINT(type, MAP_ARRAY);
    UINT(max_entries, 1024);
    TYPE(key, u32);
    TYPE(value, u64);
} PORTS SEC(".maps");

struct {
    UINT(type, MAP_LPM_TRIE);
    UINT(max_entries, 1);
    UINT(map_flags, F_NO_PREALLOC);
    TYPE(key, struct net4);
    TYPE(value, u32);
} NETS4 SEC(".maps");

struct {
    UINT(type, MAP_LPM_TRIE);
    UINT(max_entries, 1);
    UINT(map_flags, F_NO_PREALLOC);
    TYPE(key, struct net6);
    TYPE(value, u32);
} NETS6 SEC(".maps");

struct vlan {
    u16 tci;
    u16 type;
};

struct ethernet {
    u8 to[6], from[6];
    u16 type;
};

struct ipv4 {
    u8 version_words, tos;
    u16 len, id, fragment;
    u8 ttl, protocol;
    u16 checksum;
    u8 from[4], to[4];
};

struct ipv6 {
    u32 version;
    u16 len;
    u8 next, hops;
    u8 from[16], to[16];
};

struct ports {
    u16 from, to;
};

INLINE int port_asked(u16 port) {
    u32 word = port >> 6;
    u64 *bits = map_lookup(&PORTS, &word);
    return bits && (*bits >> (port & 63) & 1);
}

INLINE int ports_asked(u8 protocol, void *at, void *end) {
    struct ports *ports = at;
    if (protocol != 6 && protocol != 17)
        return 0;
    if ((void *)(ports + 1) > end)
        return 0;
    return port_asked(ports->from) || port_asked(ports->to);
}

INLINE int net4_asked(const u8 *address) {
    struct net4 key = {.prefix_bits = 32};
    __builtin_memcpy(key.address, address, 4);
    return map_lookup(&NETS4, &key) != 0;
}

INLINE int net6_asked(const u8 *address) {
    struct net6 key = {.prefix_bits = 128};
    __builtin_memcpy(key.address, address, 16);
    return map_lookup(&NETS6, &key) != 0;
}

INLINE int ipv4_asked(struct settings *by, void *at, void *end) {
    struct ipv4 *ip = at;
    if ((void *)(ip + 1) > end)
        return 0;
    if (by->by_nets && !net4_asked(ip->from) && !net4_asked(ip->to))
        return 0;
    if (!by->by_ports || (ip->fragment & BE16(0x1fff)))
        return 1;
    return ports_asked(ip->protocol, at + (ip->version_words & 15) * 4, end);
}

INLINE int ipv6_asked(struct settings *by, void *at, void *end) {
    struct ipv6 *ip = at;
    if ((void *)(ip + 1) > end)
        return 0;
    if (by->by_nets && !net6_asked(ip->from) && !net6_asked(ip->to))
        return 0;
    if (!by->by_ports || ip->next == 44) // a piece of a datagram
        return 1;
    return ports_asked(ip->next, ip + 1, end);
}

INLINE int asked(struct settings *by, void *at, void *end) {
    struct ethernet *ethernet = at;
    if ((void *)(ethernet + 1) > end)
        return 0;
    u16 type = ethernet->type;
    at = ethernet + 1;
#pragma unroll
    for (int tags = 0; tags < 2; tags++) {
        if (type != BE16(0x8100) && type != BE16(0x88a8))
            break;
        struct vlan *vlan = at;
        if ((void *)(vlan + 1) > end)
            return 0;
        type = vlan->type;
        at = vlan + 1;
    }
    if (type == BE16(0x0800))
        return ipv4_asked(by, at, end);
    if (type == BE16(0x86dd))
        return ipv6_asked(by, at, end);
    return 0;
}

// A place for a filter expression: program.rs puts its instructions here. Returns 0 for a frame that was not asked for. What it
// does meanwhile must not be guessed at, or clang would leave the call out.
static __attribute__((noinline)) int expression(struct xdp_md *frame) {
    int asked = 1;
    asm volatile("" : "+r"(asked) : "r"(frame));
    return asked;
}

// What is written ahead of a frame. Read by umem.rs. The mark tells it from whatever lay there before.
struct told {
    u64 nanos;
    u16 vlan_type, vlan_tci;
    u32 mark;
};

INLINE void tell(struct xdp_md *frame) {
    struct told know = {};
    know.mark = 0x70697468;
    if (rx_timestamp(frame, &know.nanos))
        know.nanos = 0;
    if (rx_vlan_tag(frame, &know.vlan_type, &know.vlan_tci))
        know.vlan_type = know.vlan_tci = 0;
    if (adjust_meta(frame, -(int)sizeof(struct told)))
        return;
    struct told *told = (void *)(long)frame->data_meta;
    if ((void *)(told + 1) <= (void *)(long)frame->data)
        *told = know;
}

INLINE int tap(struct xdp_md *frame, int tells) {
    u32 queue = frame->rx_queue_index, first = 0;
    struct settings *by = map_lookup(&SETTINGS, &first);
    struct tally *tally = map_lookup(&TALLIES, &queue);
    if (!by)
        return XDP_PASS;
    if (!by->begun || !tally)
        return by->others;
    tally->seen++;
    if (((by->by_ports || by->by_nets) && !asked(by, (void *)(long)frame->data, (void *)(long)frame->data_end)) ||
        (by->by_expression && !expression(frame))) {
        tally->filtered++;
        return by->others;
    }
    if (tells)
        tell(frame);
    // With no socket at this index the helper returns what its flags say.
    int verdict = redirect_map(&SOCKETS, queue, by->others);
    if (verdict == XDP_REDIRECT)
        tally->to_socket++;
    else
        tally->no_socket++;
    return verdict;
}

SEC("xdp") int tap_whole(struct xdp_md *frame) { return tap(frame, 0); }
SEC("xdp") int tap_whole_told(struct xdp_md *frame) { return tap(frame, 1); }

// A driver hands frames in several buffers only to a program that says it knows of them.
SEC("xdp.frags") int tap_pieces(struct xdp_md *frame) { return tap(frame, 0); }
SEC("xdp.frags") int tap_pieces_told(struct xdp_md *frame) { return tap(frame, 1); }

// The kernel's word for our licences: MIT is the one of the two that lets it call functions of its own.
char LICENSE[] SEC("license") = "Dual MIT/GPL";
