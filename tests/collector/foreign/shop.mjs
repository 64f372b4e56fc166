// The same shop for agents in JavaScript, and OpenTelemetry, set up as its own documentation does.
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, detectResources, envDetector } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const provider = new NodeTracerProvider({
  resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();

export const findOrder = ({ order_id }) => `Order ${order_id} is shipped.`;
export const contactHuman = () => { throw new Error("nobody is there"); };

export async function talk(answer, stream) {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 500));
  const first = await answer("Where is it? find_order");
  await pause();
  const second = await stream("A person, please! contact_human");
  await pause();
  const failure = await answer("break").then(() => "", String);
  await provider.shutdown();
  if (!first || !second || !failure.includes("out of order")) throw new Error(`${first} ${second} ${failure}`);
}
