/**
 * OpenAI's API over a model that is served: from parsed bodies to responses.
 *
 * @module
 */
export { chatCompletion } from "./chat_completion.ts";
export { type ErrorBody, errorBody, errorResponse } from "./error_response.ts";
export { listModels, retrieveModel } from "./models.ts";
export { textCompletion } from "./text_completion.ts";
