import Foundation

struct Call: Sendable {
    var method = "GET"
    /// As in openapi.yaml, filled in: `/api/v1/salons/lamsa`.
    let path: String
    var query: [URLQueryItem] = []
    var body: Data?
    /// One per tap, kept until a final answer: a repeat with the same key changes nothing.
    var key: String?

    static func post(_ path: String, _ body: some Encodable, key: String? = nil) throws -> Call {
        Call(method: "POST", path: path, body: try Wire.encoder.encode(body), key: key)
    }

    func url(on server: URL) -> URL {
        let url = server.appending(path: path)
        return query.isEmpty ? url : url.appending(queryItems: query)
    }

    var mayBeRepeated: Bool { key != nil || ["GET", "PUT", "DELETE"].contains(method) }
}

/// One request: the constant headers, and an answer that is the server's own. Knows no tokens.
struct Transport: Sendable {
    let server: URL
    /// `ios/2.3.1+431`
    let client: String
    /// Random, made once per install.
    let installationID: String
    /// The language on the screen, asked anew for each request.
    let language: @Sendable () -> String
    var urlSession = URLSession.shared

    func send(_ call: Call, token: String?) async throws -> Data {
        var request = URLRequest(url: call.url(on: server))
        request.httpMethod = call.method
        request.httpBody = call.body
        request.timeoutInterval = 15
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        request.setValue(language(), forHTTPHeaderField: "Accept-Language")
        request.setValue(client, forHTTPHeaderField: "X-Client")
        request.setValue(installationID, forHTTPHeaderField: "X-Installation-Id")
        if call.body != nil { request.setValue("application/json", forHTTPHeaderField: "Content-Type") }
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        if let key = call.key { request.setValue(key, forHTTPHeaderField: "Idempotency-Key") }

        let answer: (data: Data, response: URLResponse)
        do {
            answer = try await urlSession.data(for: request)
        } catch let error as URLError where error.code != .cancelled {
            throw Unreachable(reason: error.localizedDescription)
        }
        let response = answer.response as? HTTPURLResponse
        let status = response?.statusCode ?? 0
        let type = response?.value(forHTTPHeaderField: "Content-Type") ?? ""
        if status == 204 { return Data() }
        if 200..<300 ~= status, type.hasPrefix("application/json") { return answer.data }
        if status >= 400, type.hasPrefix("application/problem+json") { throw try ApiProblem(json: answer.data) }
        throw Unreachable(reason: "\(status), and not from the server")
    }
}

/// What screens call. Throws ApiProblem, Unreachable or SignedOut.
struct MawidClient: Sendable {
    let transport: Transport
    let session: Session

    init(transport: Transport, store: any TokenStore, onSignedOut: @escaping @Sendable () async -> Void) {
        self.transport = transport
        session = Session(store: store, onSignedOut: onSignedOut) { refreshToken in
            let call = try Call.post("/api/v1/auth/token-refreshes", ["refresh_token": refreshToken])
            // The previous refresh token works for a minute more, so a lost answer is simply asked for again.
            let data = try await patiently { try await transport.send(call, token: nil) }
            return try Wire.decoder.decode(TokenAnswer.self, from: data)
        }
    }

    /// May be repeated for a minute by the same installation, so a lost answer costs no second text.
    func signIn(otpRequestID: String, code: String) async throws {
        struct Device: Encodable { let installation_id: String; let platform = "ios" }
        struct Verification: Encodable { let otp_request_id: String; let code: String; let device: Device }
        let device = Device(installation_id: transport.installationID)
        let body = Verification(otp_request_id: otpRequestID, code: code, device: device)
        let call = try Call.post("/api/v1/auth/otp-verifications", body)
        let data = try await patiently { try await transport.send(call, token: nil) }
        try await session.begin(Wire.decoder.decode(TokenAnswer.self, from: data))
    }

    func send<Answer: Decodable>(_ call: Call, as _: Answer.Type = Answer.self) async throws -> Answer {
        try await Wire.decoder.decode(Answer.self, from: perform(call))
    }

    /// For calls whose answer is empty, as of a DELETE.
    @discardableResult
    func perform(_ call: Call) async throws -> Data {
        guard call.mayBeRepeated else { return try await signedIn(call) }
        return try await patiently { try await signedIn(call) }
    }

    /// With the person's token; one that the server calls stale is exchanged once, and the call repeated once.
    private func signedIn(_ call: Call) async throws -> Data {
        guard let token = try await session.accessToken() else {
            return try await transport.send(call, token: nil)
        }
        do {
            return try await transport.send(call, token: token)
        } catch let problem as ApiProblem where problem.saysSignInIsOver {
            throw await session.close(token)
        } catch let problem as ApiProblem where problem.saysTokenIsStale {
            return try await transport.send(call, token: session.renew(refused: token))
        }
    }
}

/// Again after a bad line, or when the server asks for patience; with growing pauses, and not for ever.
func patiently<Answer: Sendable>(
    tries: Int = 4, _ act: @Sendable () async throws -> Answer
) async throws -> Answer {
    for attempt in 1..<tries {
        do {
            return try await act()
        } catch {
            guard let wait = pause(after: error, attempt: attempt) else { throw error }
            try await Task.sleep(for: wait)
        }
    }
    return try await act()
}

private func pause(after error: any Error, attempt: Int) -> Duration? {
    let backoff = Duration.milliseconds(200 << attempt) * Double.random(in: 0.5...1)
    switch error {
    case is Unreachable:
        return backoff
    case let problem as ApiProblem where problem.isWorthWaiting:
        guard let seconds = problem.retryAfter else { return backoff }
        return seconds <= 10 ? .seconds(seconds) : nil
    default:
        return nil
    }
}
