// An agent on Vercel's AI SDK 7, with its telemetry switched on, and what it may tell of the conversation.
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { generateText, isStepCount, registerTelemetry, streamText, tool } from "ai";
import { z } from "zod";
import { contactHuman, findOrder, talk } from "./shop.mjs";

registerTelemetry(new OpenTelemetry({ runtimeContext: true }));
const inputSchema = z.object({ order_id: z.string() });
const agent = {
  model: createOpenAI({ baseURL: process.env.OPENAI_BASE_URL }).chat("gpt-4o-mini"),
  tools: {
    find_order: tool({ inputSchema, execute: findOrder }),
    contact_human: tool({ inputSchema, execute: contactHuman }),
  },
  stopWhen: isStepCount(5),
  maxRetries: 0,
  runtimeContext: { sessionId: "vercel-ai-7", userId: "customer-1" },
  telemetry: { includeRuntimeContext: { sessionId: true, userId: true } },
};

await talk(
  async (prompt) => (await generateText({ ...agent, prompt })).text,
  (prompt) => streamText({ ...agent, prompt }).text,
);
