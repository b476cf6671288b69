package sa.mawid.app

import java.io.IOException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import okhttp3.Interceptor
import okhttp3.Response

@Serializable
data class TokenAnswer(
    @SerialName("access_token") val accessToken: String,
    @SerialName("refresh_token") val refreshToken: String,
    @SerialName("access_expires_in_seconds") val accessExpiresInSeconds: Int,
)

data class Tokens(val access: String, val refresh: String)

/** A file encrypted with a key of the Keystore. */
interface TokenStore {
    suspend fun load(): Tokens?
    suspend fun save(tokens: Tokens?)
}

/**
 * Who is signed in. One refresh at a time, and a bad line signs nobody out.
 *
 * [now] is `SystemClock::elapsedRealtime`: it does not jump, and counts while the phone sleeps.
 */
class Session(
    private val store: TokenStore,
    private val exchange: suspend (refreshToken: String) -> TokenAnswer,
    private val onSignedOut: () -> Unit,
    private val now: () -> Long,
) {
    // A scope of its own: a screen that is left cancels its call, never the exchange that others wait for.
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.IO)
    private val lock = Mutex()
    private var refreshing: Deferred<String>? = null
    private var closed: String? = null

    /** After a start of the app a token counts as old. */
    @Volatile private var freshUntil = Long.MIN_VALUE

    suspend fun begin(answer: TokenAnswer) {
        store.save(Tokens(answer.accessToken, answer.refreshToken))
        freshUntil = now() + answer.accessExpiresInSeconds * 800L // 80 % of its life, in milliseconds
    }

    /** The person leaves. The refresh token is for `POST auth/logout`. */
    suspend fun end(): String? = store.load()?.refresh.also { store.save(null) }

    /** A token worth sending, or null for a stranger. One near its end is exchanged first, if the line allows. */
    suspend fun accessToken(): String? {
        val tokens = store.load() ?: return null
        if (now() < freshUntil) return tokens.access
        return try {
            renew(tokens.access)
        } catch (over: SignedOut) {
            throw over
        } catch (badLine: IOException) {
            tokens.access // it may still be good; the server will say
        }
    }

    /** A token newer than the refused one. Whoever asks meanwhile shares the same exchange. */
    suspend fun renew(refused: String): String {
        val exchanging = lock.withLock {
            val tokens = store.load() ?: throw SignedOut()
            if (tokens.access != refused) return tokens.access
            refreshing?.takeIf { it.isActive } ?: scope.async { refresh(tokens) }.also { refreshing = it }
        }
        return exchanging.await()
    }

    /** The sign-in that had this token is over. The app is told once, however many calls find out. */
    suspend fun close(access: String): SignedOut {
        lock.withLock {
            if (closed != access) {
                closed = access
                store.save(null)
                onSignedOut()
            }
        }
        return SignedOut()
    }

    private suspend fun refresh(tokens: Tokens): String {
        try {
            val answer = exchange(tokens.refresh)
            if (store.load() == null) throw SignedOut() // the person left meanwhile
            begin(answer)
            return answer.accessToken
        } catch (refusal: ApiProblem) {
            if (refusal.problem.saysSignInIsOver) throw close(tokens.access)
            throw IOException("no new token: ${refusal.problem.code}", refusal)
        }
    }
}

/** With the person's token; one that the server calls stale is exchanged once, and the request repeated once. */
class Authorization(private val session: Session) : Interceptor {
    override fun intercept(chain: Interceptor.Chain): Response {
        val token = runBlocking { session.accessToken() } ?: return chain.proceed(chain.request())
        return try {
            chain.proceedWith(token)
        } catch (refusal: ApiProblem) {
            if (refusal.problem.saysSignInIsOver) throw runBlocking { session.close(token) }
            if (!refusal.problem.saysTokenIsStale) throw refusal
            chain.proceedWith(runBlocking { session.renew(token) })
        }
    }

    private fun Interceptor.Chain.proceedWith(token: String): Response =
        proceed(request().newBuilder().header("Authorization", "Bearer $token").build())
}
