import Foundation

/// The server refused. Branch on `code`, show `detail`, log `requestID`.
/// Codes are an open list: for an unknown one go by the class of `status`.
struct ApiProblem: Error, Decodable, Sendable {
    struct FieldError: Decodable, Sendable {
        /// JSON Pointer into the body; nil where a query value is wrong.
        let pointer: String?
        let parameter: String?
        let code: String
        let detail: String
    }

    let status: Int
    let code: String
    let detail: String
    let requestID: String
    let errors: [FieldError]?
    /// Seconds from now.
    let retryAfter: Int?
    private var body = Data()

    private enum CodingKeys: String, CodingKey {
        case status, code, detail, errors
        case requestID = "request_id"
        case retryAfter = "retry_after"
    }

    init(json: Data) throws {
        self = try JSONDecoder().decode(ApiProblem.self, from: json)
        body = json
    }

    /// The resource as it is now, after a conflict of versions.
    func current<Resource: Decodable>(as _: Resource.Type) -> Resource? {
        struct Conflict: Decodable { let current: Resource }
        return try? Wire.decoder.decode(Conflict.self, from: body).current
    }

    var saysTokenIsStale: Bool {
        status == 401 && ["token_expired", "token_invalid", "auth_required"].contains(code)
    }

    /// Nothing else may sign a person out.
    var saysSignInIsOver: Bool {
        status == 401 && ["session_expired", "session_revoked", "refresh_reused"].contains(code)
    }

    var isWorthWaiting: Bool {
        status >= 500 || ["request_in_progress", "rate_limited", "unavailable"].contains(code)
    }

    /// Whether this settles what became of a tap; otherwise its `Idempotency-Key` is kept and sent again.
    var isFinal: Bool { status < 500 && code != "request_in_progress" }
}

/// No answer, or none of the server's: a bad line, a time-out, a captive portal. Nobody knows whether it was done.
struct Unreachable: Error {
    let reason: String
}

/// Nobody is signed in any more.
struct SignedOut: Error {}
