import Foundation

struct TokenAnswer: Decodable, Sendable {
    let accessToken: String
    let refreshToken: String
    let accessExpiresInSeconds: Int

    private enum CodingKeys: String, CodingKey {
        case accessToken = "access_token"
        case refreshToken = "refresh_token"
        case accessExpiresInSeconds = "access_expires_in_seconds"
    }
}

struct Tokens: Sendable {
    let access: String
    let refresh: String
}

/// The Keychain, `kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly`.
protocol TokenStore: Sendable {
    func load() async throws -> Tokens?
    func save(_ tokens: Tokens?) async throws
}

/// Who is signed in. One refresh at a time, and a bad line signs nobody out.
actor Session {
    private let store: any TokenStore
    private let onSignedOut: @Sendable () async -> Void
    private let exchange: @Sendable (_ refreshToken: String) async throws -> TokenAnswer
    /// By a clock that does not jump and counts while the phone sleeps. After a start of the app a token counts as old.
    private var freshUntil: ContinuousClock.Instant?
    private var refreshing: Task<String, any Error>?
    private var closed: String?

    init(
        store: any TokenStore,
        onSignedOut: @escaping @Sendable () async -> Void,
        exchange: @escaping @Sendable (_ refreshToken: String) async throws -> TokenAnswer
    ) {
        self.store = store
        self.onSignedOut = onSignedOut
        self.exchange = exchange
    }

    func begin(_ answer: TokenAnswer) async throws {
        try await store.save(Tokens(access: answer.accessToken, refresh: answer.refreshToken))
        let life = Duration.seconds(answer.accessExpiresInSeconds)
        freshUntil = ContinuousClock.now + life * 0.8
    }

    /// The person leaves. The refresh token is for `POST auth/logout`.
    func end() async throws -> String? {
        let tokens = try await store.load()
        try await store.save(nil)
        return tokens?.refresh
    }

    /// A token worth sending, or nil for a stranger. One near its end is exchanged first, if the line allows.
    func accessToken() async throws -> String? {
        guard let tokens = try await store.load() else { return nil }
        if let freshUntil, ContinuousClock.now < freshUntil { return tokens.access }
        do {
            return try await renew(refused: tokens.access)
        } catch is Unreachable {
            return tokens.access // it may still be good; the server will say
        }
    }

    /// A token newer than the refused one. Whoever asks meanwhile shares the same exchange.
    func renew(refused: String) async throws -> String {
        guard let tokens = try await store.load() else { throw SignedOut() }
        guard tokens.access == refused else { return tokens.access }
        if let refreshing { return try await refreshing.value }
        // A task of its own: a screen that is left cancels its call, never the exchange that others wait for.
        let task = Task { try await refresh(tokens) }
        refreshing = task
        defer { refreshing = nil }
        return try await task.value
    }

    /// The sign-in that had this token is over. The app is told once, however many calls find out.
    func close(_ access: String) async -> SignedOut {
        if closed != access {
            closed = access
            try? await store.save(nil)
            await onSignedOut()
        }
        return SignedOut()
    }

    private func refresh(_ tokens: Tokens) async throws -> String {
        do {
            let answer = try await exchange(tokens.refresh)
            guard try await store.load() != nil else { throw SignedOut() } // the person left meanwhile
            try await begin(answer)
            return answer.accessToken
        } catch let problem as ApiProblem where problem.saysSignInIsOver {
            throw await close(tokens.access)
        } catch let problem as ApiProblem {
            throw Unreachable(reason: "no new token: \(problem.code)")
        }
    }
}
