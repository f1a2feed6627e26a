"""Paho for Python: connect, send, receive, resume, in both versions, over TCP, TLS, WebSocket and WSS."""

import json
import os
import queue
import ssl

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LIMIT = 30  # seconds


def expect(condition, what):
    if not condition:
        raise SystemExit(f"paho: {what}")


class Device:
    """One client whose callbacks go into queues."""

    def __init__(self, user, device, version, transport, durable):
        self.version = version
        self.durable = durable
        self.messages = queue.Queue()
        self.connected = queue.Queue()
        self.subscribed = queue.Queue()
        self.closed = queue.Queue()
        clean = {} if version == mqtt.MQTTv5 else {"clean_session": not durable}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=device,
            protocol=version,
            transport="websockets" if transport in ("ws", "wss") else "tcp",
            **clean,
        )
        if transport in ("ws", "wss"):
            self.client.ws_set_options(path="/mqtt")
        if transport in ("tls", "wss"):
            self.client.tls_set(os.environ["CA_FILE"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self.client.username_pw_set(user)
        self.client.on_connect = lambda _c, _u, flags, reason, _p: self.connected.put((reason, flags.session_present))
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_subscribe = lambda _c, _u, _m, reasons, _p: self.subscribed.put(reasons)
        self.client.on_disconnect = lambda *_: self.closed.put(None)
        names = {"tcp": "MQTT_PORT", "tls": "MQTTS_PORT", "ws": "WS_PORT", "wss": "WSS_PORT"}
        self.port = int(os.environ[names[transport]])

    def connect(self):
        """Connects and says whether a session was there."""
        more = {}
        if self.version == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 86400 if self.durable else 0
            more = {"clean_start": not self.durable, "properties": properties}
        self.client.connect("localhost", self.port, keepalive=30, **more)
        self.client.loop_start()
        reason, present = self.connected.get(timeout=LIMIT)
        expect(not reason.is_failure, f"CONNACK {reason}")
        return present

    def subscribe(self, topic):
        self.client.subscribe(topic, qos=1)
        for reason in self.subscribed.get(timeout=LIMIT):
            expect(reason.value == 1, f"SUBACK {reason}")

    def publish(self, topic, payload, qos=1):
        sent = self.client.publish(topic, payload, qos=qos)
        sent.wait_for_publish(timeout=LIMIT)
        expect(sent.is_published(), f"no acknowledgement for {payload!r}")

    def bodies(self, count):
        return [json.loads(self.messages.get(timeout=LIMIT).payload)["body"] for _ in range(count)]

    def disconnect(self):
        self.client.disconnect()
        self.closed.get(timeout=LIMIT)
        self.client.loop_stop()


def scenario(version, transport):
    name = f"paho-{version}-{transport}"
    alice, bob = f"alice-{name}", f"bob-{name}"
    phone = Device(bob, "phone", version, transport, durable=True)
    laptop = Device(alice, "laptop", version, transport, durable=False)
    expect(not phone.connect(), "a session where there can be none")
    phone.subscribe(f"u/{bob}/c/+/json")
    laptop.connect()
    topic = f"u/{alice}/c/@{bob}/json"
    for number in range(10):
        laptop.publish(topic, json.dumps({"body": f"live {number}"}), qos=1 + number % 2)
    expect(phone.bodies(10) == [f"live {number}" for number in range(10)], "live messages differ")
    phone.disconnect()
    for number in range(200):
        laptop.publish(topic, json.dumps({"body": f"away {number}"}))
    big = "x" * 100_000
    laptop.publish(topic, json.dumps({"body": big}))
    phone = Device(bob, "phone", version, transport, durable=True)
    expect(phone.connect(), "the session is gone")
    expect(phone.bodies(201) == [f"away {number}" for number in range(200)] + [big], "resumed messages differ")
    expect(phone.messages.empty(), "more than was sent")
    phone.disconnect()
    laptop.disconnect()
    print(f"  {'5.0' if version == mqtt.MQTTv5 else '3.1.1'} over {transport}: live, resumed, QoS 2, 100 kB")


for protocol in (mqtt.MQTTv311, mqtt.MQTTv5):
    for way in ("tcp", "tls", "ws", "wss"):
        scenario(protocol, way)
