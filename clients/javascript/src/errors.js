// The errors of this client.

/** Error codes that mean "try again later", for answers that have no field for it. */
const TEMPORARY_CODES = [102, 400, 502];

/** Error code: the server does not accept a token. */
export const TOKEN_REFUSED = 501;

/** Error code: the server does not know any more whether a publish is on the tape. */
export const NUMBER_TOO_OLD = 305;

/** A message that breaks the rules of its encoding. */
export class MalformedError extends Error {
  name = 'MalformedError';
}

/** A refusal by the server. `code` is one of the error codes in docs/protocol.md. */
export class ServerError extends Error {
  name = 'ServerError';

  constructor({ code, reason, temporary, retry_after_ms }) {
    super(reason);
    this.code = code;
    this.temporary = temporary ?? TEMPORARY_CODES.includes(code);
    this.retry_after_ms = retry_after_ms;
  }
}

/** The server has ended a subscription that is no longer allowed, at a position of the tape. */
export class ForbiddenError extends Error {
  name = 'ForbiddenError';

  constructor(reason, position) {
    super(reason);
    this.position = position;
  }
}

/** A request longer than the server's limit. It was not sent. */
export class TooLongError extends RangeError {
  name = 'TooLongError';
}

/**
 * It is unknown whether a publish is on the tape: its connection ended before the answer, and the
 * server has refused to take it again (`cause`), or no other connection followed.
 */
export class UncertainError extends Error {
  name = 'UncertainError';
}
