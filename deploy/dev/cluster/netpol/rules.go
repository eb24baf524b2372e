package netpol

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	corelisters "k8s.io/client-go/listers/core/v1"
	netlisters "k8s.io/client-go/listers/networking/v1"
)

// Table is the nftables table that this package owns; nobody else may write to it.
const Table = "codex_k8s_netpol"

// established lets answers back in; a policy decides about new connections only.
const established = "ct state established,related accept\n"

// renderer turns the cluster's wishes into the text of one nftables table.
type renderer struct {
	// podCIDR are the addresses that only known pods may send from.
	podCIDR string
	// failOpen lets a pod send before its address is known.
	failOpen bool
}

// node is what the rules depend on.
type node struct {
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
	policies   []*netv1.NetworkPolicy
}

func (r renderer) fromListers(p corelisters.PodLister, n corelisters.NamespaceLister, q netlisters.NetworkPolicyLister) (string, error) {
	pods, err := p.List(everything)
	if err != nil {
		return "", err
	}
	namespaces, err := n.List(everything)
	if err != nil {
		return "", err
	}
	policies, err := q.List(everything)
	if err != nil {
		return "", err
	}
	return r.render(newNode(pods, namespaces, policies)), nil
}

// newNode keeps the pods that have an address of their own, everything in an order that does not change by itself.
func newNode(pods []*corev1.Pod, namespaces []*corev1.Namespace, policies []*netv1.NetworkPolicy) node {
	world := node{namespaces: map[string]labels.Set{}, policies: slices.Clone(policies)}
	for _, namespace := range namespaces {
		world.namespaces[namespace.Name] = namespace.Labels
	}
	for _, pod := range pods {
		over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if pod.Status.PodIP != "" && !pod.Spec.HostNetwork && !over {
			world.pods = append(world.pods, pod)
		}
	}
	slices.SortFunc(world.pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Status.PodIP, b.Status.PodIP) })
	slices.SortFunc(world.policies, func(a, b *netv1.NetworkPolicy) int { return cmp.Compare(a.UID, b.UID) })
	return world
}

// render gives the table. Traffic between pods and to other hosts is forwarded, traffic to the node itself is input;
// connections from the node to its pods (probes) pass no hook here, as Kubernetes wants it.
func (r renderer) render(world node) string {
	var chains, ingress, egress bytes.Buffer
	var known []string
	for i, pod := range world.pods {
		known = append(known, pod.Status.PodIP)
		in, out := world.verdicts(pod)
		if in != nil {
			fmt.Fprintf(&chains, "chain in%d {\n%sdrop\n}\n", i, strings.Join(in.accepts, ""))
			fmt.Fprintf(&ingress, "ip daddr %s goto in%d\n", pod.Status.PodIP, i)
		}
		if out != nil {
			fmt.Fprintf(&chains, "chain out%d {\n%sdrop\n}\n", i, strings.Join(out.accepts, ""))
			fmt.Fprintf(&egress, "ip saddr %s goto out%d\n", pod.Status.PodIP, i)
		}
	}
	outgoing := established + r.strangers(known) + egress.String()
	return fmt.Sprintf(`table inet %[1]s
delete table inet %[1]s
table inet %[1]s {
%[2]schain egress_forward { type filter hook forward priority 10; policy accept;
%[3]s}
chain egress_input { type filter hook input priority 10; policy accept;
%[3]s}
chain ingress_forward { type filter hook forward priority 20; policy accept;
%[4]s%[5]s}
}
`, Table, chains.String(), outgoing, established, ingress.String())
}

// strangers drops what comes from an address that no known pod has: a pod may not send before its policies are known.
func (r renderer) strangers(known []string) string {
	switch {
	case r.failOpen:
		return ""
	case len(known) == 0:
		return fmt.Sprintf("ip saddr %s drop\n", r.podCIDR)
	default:
		return fmt.Sprintf("ip saddr %s ip saddr != { %s } drop\n", r.podCIDR, strings.Join(known, ", "))
	}
}

// verdict is what isolates a pod in one direction: everything that is not accepted is dropped.
type verdict struct{ accepts []string }

// verdicts gives a pod's isolation by all policies that select it; nil where it is not isolated.
func (world node) verdicts(pod *corev1.Pod) (in, out *verdict) {
	for _, policy := range world.policies {
		if policy.Namespace != pod.Namespace || !selects(&policy.Spec.PodSelector, pod.Labels) {
			continue
		}
		for _, direction := range policy.Spec.PolicyTypes {
			if direction == netv1.PolicyTypeIngress {
				in = cmp.Or(in, &verdict{})
				for _, rule := range policy.Spec.Ingress {
					in.accepts = append(in.accepts, world.accepts("ip saddr", rule.From, rule.Ports, policy.Namespace, pod)...)
				}
			} else {
				out = cmp.Or(out, &verdict{})
				for _, rule := range policy.Spec.Egress {
					out.accepts = append(out.accepts, world.accepts("ip daddr", rule.To, rule.Ports, policy.Namespace, nil)...)
				}
			}
		}
	}
	return in, out
}

// accepts gives the rules that let peers through on ports. No peers or no ports means any; target is the pod whose named
// ports an ingress rule means.
func (world node) accepts(side string, peers []netv1.NetworkPolicyPeer, ports []netv1.NetworkPolicyPort, namespace string, target *corev1.Pod) []string {
	var rules []string
	for _, address := range world.addresses(side, peers, namespace) {
		for _, port := range world.ports(ports, target) {
			rules = append(rules, address+port+"accept\n")
		}
	}
	return rules
}

func (world node) addresses(side string, peers []netv1.NetworkPolicyPeer, namespace string) []string {
	if len(peers) == 0 {
		return []string{""}
	}
	var matches, pods []string
	for _, peer := range peers {
		if block := peer.IPBlock; block != nil {
			match := side + " " + block.CIDR + " "
			if len(block.Except) > 0 {
				match += side + " != { " + strings.Join(block.Except, ", ") + " } "
			}
			matches = append(matches, match)
			continue
		}
		for _, pod := range world.pods {
			if world.means(peer, pod, namespace) {
				pods = append(pods, pod.Status.PodIP)
			}
		}
	}
	if len(pods) > 0 {
		slices.Sort(pods)
		matches = append(matches, side+" { "+strings.Join(slices.Compact(pods), ", ")+" } ")
	}
	return matches
}

func (world node) ports(ports []netv1.NetworkPolicyPort, target *corev1.Pod) []string {
	if len(ports) == 0 {
		return []string{""}
	}
	var matches []string
	for _, port := range ports {
		protocol := "tcp"
		if port.Protocol != nil {
			protocol = strings.ToLower(string(*port.Protocol))
		}
		switch {
		case port.Port == nil:
			matches = append(matches, "meta l4proto "+protocol+" ")
		case port.Port.Type == intstr.Int && port.EndPort != nil:
			matches = append(matches, fmt.Sprintf("%s dport %d-%d ", protocol, port.Port.IntVal, *port.EndPort))
		case port.Port.Type == intstr.Int:
			matches = append(matches, fmt.Sprintf("%s dport %d ", protocol, port.Port.IntVal))
		default:
			for _, number := range world.named(port.Port.StrVal, target) {
				matches = append(matches, fmt.Sprintf("%s dport %d ", protocol, number))
			}
		}
	}
	return matches
}

// means says whether a selector peer of a policy in namespace is this pod.
func (world node) means(peer netv1.NetworkPolicyPeer, pod *corev1.Pod, namespace string) bool {
	if peer.NamespaceSelector == nil {
		if pod.Namespace != namespace {
			return false
		}
	} else if !selects(peer.NamespaceSelector, world.namespaces[pod.Namespace]) {
		return false
	}
	return peer.PodSelector == nil || selects(peer.PodSelector, pod.Labels)
}

// named finds the numbers behind a port name: on the target, or on any pod when the policy is about egress.
func (world node) named(name string, target *corev1.Pod) []int32 {
	pods := world.pods
	if target != nil {
		pods = []*corev1.Pod{target}
	}
	var found []int32
	for _, pod := range pods {
		for _, container := range pod.Spec.Containers {
			for _, port := range container.Ports {
				if port.Name == name {
					found = append(found, port.ContainerPort)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// selects treats a selector that the API server would have refused as matching nothing.
func selects(selector *metav1.LabelSelector, set labels.Set) bool {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && parsed.Matches(set)
}
