/**
 * `GET /v1/models`, `/v1/models/{id}`.
 *
 * @module
 */
import type { Service } from "../service.ts";
import { checkModel } from "./answer_request.ts";

/** The model that is served, in OpenAI's form; with what its context holds and how it answers. */
function modelOf({ id, created, desk, defaults }: Service): Record<string, unknown> {
  return {
    id,
    object: "model",
    created,
    owned_by: "nanochat",
    max_model_len: desk.capacity,
    defaults: {
      temperature: defaults.temperature,
      top_p: defaults.topP,
      top_k: defaults.topK,
      min_p: defaults.minP,
      max_tokens: defaults.maxNewTokens,
    },
  };
}

/** The list of the one model that is served. */
export function listModels(service: Service): Response {
  return Response.json({ object: "list", data: [modelOf(service)] });
}

/**
 * The model of a name.
 *
 * @throws {ApiError} with status 404 if it is not the one that is served.
 */
export function retrieveModel(id: string, service: Service): Response {
  checkModel(id, service);
  return Response.json(modelOf(service));
}
