"""A table of values, with every feature of the chart on in one of them at least."""

from __future__ import annotations

from typing import Any

SETTINGS = {
    "sinks": {"chat": {"type": "slack", "webhook_url": "${SLACK_WEBHOOKURL}"}},
    "route": {"lanes": ["chat"]},
}

FALCOSIDEKICK: dict[str, Any] = {
    "replicaCount": 3,
    "image": {"registry": "registry.example", "repository": "soc/sidekick", "tag": "1.2.3"},
    "podSecurityContext": {"runAsUser": 4321, "fsGroup": 4321},
    "imagePullSecrets": ["pull"],
    "fullnameOverride": "falcosidekick",
    "customLabels": {"team": "soc"},
    "customAnnotations": {"owner": "soc"},
    "podLabels": {"zone": "a"},
    "podAnnotations": {"note": "b"},
    "priorityClassName": "system-cluster-critical",
    "serviceMonitor": {
        "enabled": True,
        "additionalLabels": {"release": "prometheus"},
        "interval": "30s",
        "scrapeTimeout": "10s",
        "additionalProperties": {"honorLabels": True},
    },
    "prometheusRules": {
        "enabled": True,
        "alerts": {
            "warning": {"enabled": False, "rate_interval": "5m", "threshold": 0},
            "critical": {"enabled": True, "rate_interval": "2m", "threshold": 0.5},
            "additionalAlerts": {},
        },
        "additionalAlerts": [{"alert": "Ours", "expr": "vector(1)"}],
    },
    "grafana": {
        "dashboards": {
            "enabled": True,
            "configMaps": {
                "falcosidekick": {
                    "name": "falcosidekick-grafana-dashboard",
                    "namespace": "",
                    "folder": "Security",
                }
            },
        }
    },
    "config": {
        "existingSecret": "more",
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraArgs": [],
        "debug": True,
        "customfields": "environment:production",
        "templatedfields": "",
        "customtags": "",
        "bracketreplacer": "_",
        "outputFieldFormat": "",
        "mutualtlsfilespath": "/etc/certs",
        "mutualtlsclient": {"certfile": "", "keyfile": "", "cacertfile": ""},
        "tlsclient": {"cacertfile": ""},
        "tlsserver": {
            "deploy": False,
            "mutualtls": False,
            "existingSecret": "",
            "servercrt": "",
            "serverkey": "",
            "cacrt": "",
            "certfile": "/etc/certs/server/server.crt",
            "keyfile": "/etc/certs/server/server.key",
            "cacertfile": "/etc/certs/server/ca.crt",
            "notlsport": 2810,
            "notlspaths": "/ping",
        },
        "slack": {"webhookurl": "https://hooks.slack.example/x", "minimumpriority": "warning"},
        "elasticsearch": {
            "hostport": "http://elasticsearch:9200",
            "batching": {"enabled": True, "batchsize": 5242880, "flushinterval": "1s"},
            "customheaders": {"X-Tenant": "soc"},
            "checkcert": False,
        },
        "alertmanager": {
            "hostport": "http://alertmanager:9093",
            "endpoint": "/api/v2/alerts",
            "expireafter": "900",
        },
        "aws": {
            "useirsa": True,
            "rolearn": "arn:aws:iam::1:role/r",
            "region": "eu-central-1",
            "s3": {"bucket": "alerts", "prefix": "falco"},
        },
        "azure": {"workloadIdentityClientID": "an-id"},
        "kafka": {"hostport": "kafka:9092", "topic": "falco", "tls": True},
        "telegram": {"token": "t", "chatid": "1", "messagethreadid": "7"},
        "teams": {"webhookurl": ""},
    },
    "service": {"type": "ClusterIP", "port": 2801, "annotations": {}},
    "ingress": {
        "enabled": True,
        "ingressClassName": "nginx",
        "annotations": {"a": "b"},
        "hosts": [{"host": "falcosidekick.local", "paths": [{"path": "/"}]}],
        "tls": [{"secretName": "ingress", "hosts": ["falcosidekick.local"]}],
    },
    "httproute": {
        "enabled": True,
        "annotations": {"a": "b"},
        "parentRefs": [{"name": "gateway"}],
        "hostnames": ["falcosidekick.example"],
    },
    "nameOverride": "",
    "securityContext": {"allowPrivilegeEscalation": False},
    "resources": {"limits": {"cpu": "100m", "memory": "128Mi"}},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "soc", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "extraVolumes": [{"name": "certs", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "certs", "mountPath": "/etc/certs"}],
    "testConnection": {"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": []},
    "webui": {
        "enabled": True,
        "replicaCount": 2,
        "ttl": 0,
        "user": "admin:admin",
        "disableauth": False,
        "redis": {"enabled": True, "storageSize": "1Gi", "customConfig": []},
        "externalRedis": {"enabled": False, "url": "", "port": 6379},
    },
    "podSecurityPolicy": {"create": False},
    "defaultNetworkPolicy": {"enabled": True},
}
"""What somebody may have for falcosidekick's chart, by its names."""

TABLE: dict[str, dict[str, Any]] = {
    "defaults": {},
    "falcosidekick": FALCOSIDEKICK,
    "settings": {"settings": SETTINGS, "config": {"existingSecret": "slack"}},
    "settings in a secret": {"settingsSecret": "ours"},
    "no persistence": {"persistence": {"enabled": False}},
    "persistence": {
        "persistence": {
            "size": "50Gi",
            "storageClass": "fast",
            "annotations": {"a": "b"},
            "retain": {"whenDeleted": "Delete"},
        }
    },
    "tls": {
        "settings": SETTINGS
        | {"listen": {"tls": {"cert_file": "/tls/tls.crt", "key_file": "/tls/tls.key"}}},
        "extraVolumes": [{"name": "tls", "secret": {"secretName": "tls"}}],
        "extraVolumeMounts": [{"name": "tls", "mountPath": "/tls", "readOnly": True}],
        "serviceMonitor": {"enabled": True},
    },
    "mutual tls": {
        "settings": SETTINGS
        | {
            "listen": {
                "port": 2899,
                "tls": {"cert_file": "a", "key_file": "b", "client_ca_file": "c"},
            }
        }
    },
    "tls and a port without": {
        "settings": SETTINGS
        | {
            "listen": {
                "tls": {"cert_file": "a", "key_file": "b", "client_ca_file": "c"},
                "plain": {"paths": ["/ping", "/readyz", "/metrics"]},
            }
        }
    },
    "falcosidekick's tls": {
        "config": {"tlsserver": {"deploy": True, "servercrt": "CERT", "serverkey": "KEY"}}
    },
    "falcosidekick's tls by a secret": {
        "config": {"tlsserver": {"deploy": True, "existingSecret": "certs", "mutualtls": True}}
    },
    "kafka": {
        "settings": SETTINGS,
        "kafka": {
            "enabled": True,
            "brokers": ["kafka-0:9092"],
            "options": {
                "sasl": {"mechanism": "PLAIN", "user": "u", "password": "${KAFKA_PASSWORD}"}
            },
        },
    },
    "audit": {
        "settings": SETTINGS,
        "audit": {
            "enabled": True,
            "cluster": "prod",
            "tlsSecret": "audit-tls",
            "tokenSecret": "audit-token",
            "options": {"body_limit": "4MiB"},
            "service": {"type": "LoadBalancer", "annotations": {"internal": "true"}},
        },
        "networkPolicy": {"enabled": True},
    },
    "sensor": {
        "settings": SETTINGS,
        "sensor": {
            "enabled": True,
            "settings": {"rules": {"priority": "notice"}, "sensor": {"snaplen": 0}},
            "rules": {"ours.yaml": "- list: nothing\n  items: []\n"},
            "extraEnv": [{"name": "A", "value": "b"}],
            "caSecret": "hub-ca",
        },
    },
    "autoscaling": {
        "autoscaling": {"enabled": True, "maxReplicas": 9, "laneAgeSecs": 30},
        "podAntiAffinity": "hard",
        "podDisruptionBudget": {"maxUnavailable": "50%"},
    },
    "routes": {
        "httproute": {
            "enabled": True,
            "parentRefs": [{"name": "gateway"}],
            "hostnames": ["{{ .Release.Name }}.example"],
        },
        "networkPolicy": {
            "enabled": True,
            "from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "falco"}}}],
            "egress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
    },
    "https redirect": {"httproute": {"enabled": True, "httpsRedirect": True}},
    "watched": {
        "serviceMonitor": {"enabled": True},
        "prometheusRules": {
            "enabled": True,
            "runbookUrl": "https://soc.example/",
            "disabled": ["SidekickNothingReceived"],
        },
        "grafana": {"dashboards": {"enabled": True, "documents": True}},
        "service": {"type": "NodePort", "nodePort": 30281},
        "sensor": {
            "enabled": True,
            "port": 12803,
            "settings": {
                "sensor": {"listen": {"tls": {"cert_file": "/c/crt", "key_file": "/c/key"}}}
            },
            "podMonitor": {"enabled": True, "interval": "15s", "additionalLabels": {"a": "b"}},
        },
    },
}
