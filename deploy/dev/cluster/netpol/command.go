// Package netpol enforces networking.k8s.io/v1 NetworkPolicy on one node: it watches pods, namespaces and policies, and
// rewrites one nftables table whenever the rules they ask for change.
package netpol

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	// settle lets a burst of changes (a namespace with its policies and pods) become one rewrite.
	settle = 10 * time.Millisecond
	// retry is how soon a rewrite that nft refused is tried again.
	retry = time.Second
)

// NewCommand returns the enforcer as a subcommand.
func NewCommand() *cobra.Command {
	var kubeconfig, podCIDR string
	var failOpen bool
	command := &cobra.Command{
		Use:   "netpol",
		Short: "Enforces network policies on this node through nftables",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("reading %s: %w", kubeconfig, err)
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			return enforce(contextOf(command), client, renderer{podCIDR: podCIDR, failOpen: failOpen})
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&podCIDR, "pod-cidr", "10.244.0.0/24", "addresses of this node's pods")
	command.Flags().BoolVar(&failOpen, "fail-open", false,
		"let a pod whose address is not known yet send, as common network plugins do")
	return command
}

func contextOf(command *cobra.Command) context.Context {
	if ctx := command.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func enforce(ctx context.Context, client kubernetes.Interface, rules renderer) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()

	changed := make(chan struct{}, 1)
	mark := func() {
		select {
		case changed <- struct{}{}:
		default: // A rewrite is due already.
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { mark() },
		UpdateFunc: func(any, any) { mark() },
		DeleteFunc: func(any) { mark() },
	}
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	applied := ""
	for {
		var again <-chan time.Time
		wanted, err := rules.fromListers(pods.Lister(), namespaces.Lister(), policies.Lister())
		if err == nil && wanted != applied {
			err = apply(ctx, wanted)
		}
		if err != nil {
			klog.ErrorS(err, "The rules could not be written; trying again", "after", retry)
			again = time.After(retry)
		} else {
			applied = wanted
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again:
		case <-changed:
			time.Sleep(settle)
		}
	}
}

// apply replaces the table in one transaction: there is no moment without rules.
func apply(ctx context.Context, rules string) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s\n%s", err, out, rules)
	}
	return nil
}

var everything = labels.Everything()
