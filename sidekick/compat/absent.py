"""The outputs of falcosidekick's that sidekick has no sink for, by the key that switches them on.

Those of its master after 2.34.1, without the ones in ``sidekick.compat.outputs``.
"""

from __future__ import annotations

ABSENT: dict[str, str] = {
    name: f"{name}.{switch}"
    for name, switch in (
        line.split()
        for line in """
        aws.cloudwatchlogs loggroup
        aws.kinesis streamname
        aws.lambda functionname
        aws.securitylake bucket
        aws.sns topicarn
        aws.sqs url
        azure.eventhub name
        cliq webhookurl
        cloudevents address
        datadog apikey
        datadoglogs apikey
        discord webhookurl
        dogstatsd forwarder
        dynatrace apitoken
        fission function
        gcp.chronicle customerid
        gcp.cloudfunctions name
        gcp.cloudrun endpoint
        gcp.pubsub topic
        gcp.storage bucket
        googlechat webhookurl
        gotify hostport
        grafana hostport
        grafanaoncall webhookurl
        influxdb hostport
        kafkarest address
        kubeless function
        logstash address
        mattermost webhookurl
        mqtt broker
        n8n address
        nats hostport
        nodered address
        openfaas functionname
        openobserve hostport
        opsgenie apikey
        otlp.logs endpoint
        otlp.metrics endpoint
        otlp.traces endpoint
        pagerduty routingkey
        policyreport enabled
        quickwit hostport
        rabbitmq url
        redis address
        rocketchat webhookurl
        smtp hostport
        splunk host
        spyderbat orguid
        stan hostport
        statsd forwarder
        sumologic receiverurl
        talon address
        teams webhookurl
        tekton eventlistener
        telegram token
        timescaledb host
        wavefront endpointhost
        webex webhookurl
        webui url
        yandex.datastreams streamname
        yandex.s3 bucket
        zincsearch hostport
        """.strip().splitlines()
    )
} | {"signl4": "", "zoho": ""}
"""Its name in the file, and the key without which it is off; "" where only falcosidekick's chart
knows of it."""
