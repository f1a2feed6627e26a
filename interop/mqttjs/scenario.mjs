// mqtt.js: connect, send, receive, resume, in both versions, over TCP, TLS, WebSocket and WSS; and a request with its response.
import { readFileSync } from "node:fs";
import mqtt from "mqtt";

const LIMIT = 30_000;
const ca = readFileSync(process.env.CA_FILE);
const urls = {
  tcp: `mqtt://localhost:${process.env.MQTT_PORT}`,
  tls: `mqtts://localhost:${process.env.MQTTS_PORT}`,
  ws: `ws://localhost:${process.env.WS_PORT}/mqtt`,
  wss: `wss://localhost:${process.env.WSS_PORT}/mqtt`,
};

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`too late: ${what}`)), LIMIT)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Device {
  constructor(user, device, version, transport, durable) {
    this.messages = [];
    this.waiting = [];
    this.client = mqtt.connect(urls[transport], {
      username: user,
      clientId: device,
      protocolVersion: version,
      clean: !durable,
      properties: version === 5 ? { sessionExpiryInterval: durable ? 86_400 : 0 } : undefined,
      reconnectPeriod: 0,
      ca,
    });
    this.client.on("message", (topic, payload, packet) => {
      this.messages.push({ topic, payload, packet });
      this.waiting = this.waiting.filter((wake) => !wake());
    });
    this.connected = within(
      new Promise((resolve, reject) => {
        this.client.once("connect", (ack) => resolve(ack.sessionPresent));
        this.client.once("error", reject);
      }),
      `${user} connects`,
    );
  }

  async take(count) {
    const enough = () => this.messages.length >= count;
    const arrived = new Promise((resolve) => {
      const wake = () => enough() && (resolve(), true);
      if (!wake()) this.waiting.push(wake);
    });
    await within(arrived, `${count} messages, ${this.messages.length} are there`);
    return this.messages.splice(0, count);
  }

  async bodies(count) {
    return (await this.take(count)).map(({ payload }) => JSON.parse(payload).body);
  }

  publish(topic, payload, options) {
    return within(this.client.publishAsync(topic, payload, options), "an acknowledgement");
  }

  end() {
    return within(this.client.endAsync(), "the end");
  }
}

async function scenario(version, transport) {
  const name = `mqttjs-${version}-${transport}`;
  const [alice, bob] = [`alice-${name}`, `bob-${name}`];
  const topic = `u/${alice}/c/@${bob}/json`;
  let phone = new Device(bob, "phone", version, transport, true);
  const laptop = new Device(alice, "laptop", version, transport, false);
  expect(!(await phone.connected), "a session where there can be none");
  await laptop.connected;
  const granted = await phone.client.subscribeAsync(`u/${bob}/c/+/json`, { qos: 1 });
  expect(granted[0].qos === 1, `granted ${granted[0].qos}`);

  const live = Array.from({ length: 10 }, (_, number) => `live ${number}`);
  await Promise.all(live.map((body, number) => laptop.publish(topic, JSON.stringify({ body }), { qos: 1 + (number % 2) })));
  expect(JSON.stringify(await phone.bodies(10)) === JSON.stringify(live), "live messages differ");
  await phone.end();

  const away = Array.from({ length: 200 }, (_, number) => `away ${number}`);
  for (const body of away) await laptop.publish(topic, JSON.stringify({ body }), { qos: 1 });
  phone = new Device(bob, "phone", version, transport, true);
  expect(await phone.connected, "the session is gone");
  expect(JSON.stringify(await phone.bodies(200)) === JSON.stringify(away), "resumed messages differ");

  const rpc = `u/${alice}/rpc/json`;
  const answers = version === 5 ? `${rpc}` : rpc;
  await laptop.client.subscribeAsync(answers, { qos: 0 });
  const request = { jsonrpc: "2.0", id: "1", method: "history.page", params: { conv: `@${bob}`, limit: 5 } };
  const properties = version === 5 ? { responseTopic: answers, correlationData: Buffer.from("c1") } : undefined;
  await laptop.publish(rpc, JSON.stringify(request), { qos: 1, properties });
  const [response] = await laptop.take(1);
  const { id, result, error } = JSON.parse(response.payload);
  expect(id === "1" && result, `history.page: ${JSON.stringify(error)}`);
  if (version === 5) {
    expect(response.packet.properties?.correlationData?.toString() === "c1", "Correlation Data is lost");
  }
  await phone.end();
  await laptop.end();
  console.log(`  ${version === 5 ? "5.0" : "3.1.1"} over ${transport}: live, resumed, QoS 2, request`);
}

for (const version of [4, 5]) {
  for (const transport of Object.keys(urls)) await scenario(version, transport);
}
